// The house plan as a check: one direction of imports, no cycles, nothing undeclared.
// Reads every import of every source file; prints each broken rule and exits 1 if there is any.
//
//   node tools/house/dist/check.js
import { fileURLToPath } from 'node:url';
import { importProblems } from './imports.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const problems = importProblems(root);
for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? 'house plan kept' : `house plan: ${problems.length} broken rules`);
process.exitCode = problems.length === 0 ? 0 : 1;
