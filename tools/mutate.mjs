// Mutation testing: are the tests and the reference model able to see a mistake in the code that decides?
//
//   node tools/mutate.mjs [--sample 240] [--seed 1] [--jobs 2] [--only packages/ndis/src/filter-rules.ts]
//
// Each mutant is one small mistake in one of the files below, made in a copy of the tree. A short run of random
// sequences against the reference model tries to notice it; if it does not, the tests of the file's package do.
// A mutant that neither notices has survived, and is printed. Needs a build (`npx tsc -b`).
import { spawn } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import ts from 'typescript';

const root = resolve(import.meta.dirname, '..');
/** The code that verifies, decides and classifies. */
const SUBJECTS = [
  /^packages\/ndis\/src\/(oid-engine|oid-verification|queue-states|filter-rules|queue-rules[^/]*|oids-[^/]*|receive-[^/]*)\.ts$/,
  /^packages\/nic\/src\/filter-unit\.ts$/,
];
/** Sequences of the model run; its seed never changes, so that a mutant's fate does not depend on chance. */
const SEQUENCES = 2000;
const MODEL_SEED = 20_260_728;
/** A mutant may loop for ever: then it is noticed, too. */
const PATIENCE_MS = 180_000;

const { values } = parseArgs({
  options: {
    sample: { type: 'string', default: '240' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    only: { type: 'string' },
  },
});

// --- mutants -------------------------------------------------------------------------------------------------

const { SyntaxKind: K } = ts;
const OTHER_OPERATOR = new Map([
  [K.EqualsEqualsEqualsToken, ['!==']],
  [K.ExclamationEqualsEqualsToken, ['===']],
  [K.LessThanToken, ['<=', '>=']],
  [K.LessThanEqualsToken, ['<', '>']],
  [K.GreaterThanToken, ['>=', '<=']],
  [K.GreaterThanEqualsToken, ['>', '<']],
  [K.AmpersandAmpersandToken, ['||']],
  [K.BarBarToken, ['&&']],
  [K.PlusToken, ['-']],
  [K.MinusToken, ['+']],
  [K.BarToken, ['&']],
  [K.AmpersandToken, ['|']],
]);
const FAILURE = '0xc0000001';
const INVALID_PARAMETER = '0xc000000d';

const texts = new Map();
/** A file as it was when first looked at: the tree may be worked on meanwhile. */
function textOf(file) {
  if (!texts.has(file)) texts.set(file, readFileSync(join(root, file), 'utf8'));
  return texts.get(file);
}

/** Every mutant of a file: what to put between two offsets instead of what stands there. */
function mutantsOf(file) {
  const text = textOf(file);
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const found = [];
  const add = (node, replacement, kind) =>
    found.push({ file, kind, start: node.getStart(source), end: node.getEnd(), replacement });

  const visit = (node) => {
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node) || ts.isInterfaceDeclaration(node)) return;
    if (ts.isTypeAliasDeclaration(node)) return;
    if (ts.isIfStatement(node)) {
      add(node.expression, `!(${node.expression.getText(source)})`, 'negated condition');
      if (node.elseStatement === undefined && leaves(node.thenStatement)) add(node, ';', 'removed check');
    } else if (ts.isConditionalExpression(node)) {
      add(node.condition, `!(${node.condition.getText(source)})`, 'negated condition');
    } else if (ts.isBinaryExpression(node)) {
      for (const operator of OTHER_OPERATOR.get(node.operatorToken.kind) ?? [])
        add(node.operatorToken, operator, 'other operator');
    } else if (ts.isNumericLiteral(node)) {
      add(node, `(${node.text} + 1)`, 'other number');
    } else if (node.kind === K.TrueKeyword || node.kind === K.FalseKeyword) {
      add(node, node.kind === K.TrueKeyword ? 'false' : 'true', 'other truth');
    } else if (ts.isIdentifier(node) && /^NDIS_STATUS_/.test(node.text)) {
      add(node, node.text === 'NDIS_STATUS_FAILURE' ? INVALID_PARAMETER : FAILURE, 'other status');
    } else if (
      ts.isPropertyAssignment(node) &&
      node.name.getText(source) === 'next' &&
      ts.isStringLiteral(node.initializer)
    ) {
      tableMutants(node.initializer);
      return;
    } else if (ts.isExpressionStatement(node) && !/\.trace\./.test(node.getText(source))) {
      add(node, ';', 'removed statement');
    }
    ts.forEachChild(node, visit);
  };
  /** A row of the state table: each cell becomes another state, or an invalid event. */
  const tableMutants = (literal) => {
    const cells = literal.text.split(' ');
    cells.forEach((cell, i) => {
      for (const other of cell === '.' ? ['R'] : ['.', cell === 'P' ? 'R' : 'P']) {
        add(literal, `'${cells.with(i, other).join(' ')}'`, 'other state');
      }
    });
  };
  visit(source);
  return found;
}

/** True for a statement that ends in leaving: what an `if` that checks something guards. */
function leaves(statement) {
  const last = ts.isBlock(statement) ? statement.statements.at(-1) : statement;
  return (
    last !== undefined &&
    (ts.isReturnStatement(last) || ts.isContinueStatement(last) || ts.isThrowStatement(last))
  );
}

/** Numbers 0..1 from a seed (mulberry32). */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function sampled(all, count, seed) {
  const random = generator(seed);
  const rest = [...all];
  const chosen = [];
  while (chosen.length < count && rest.length > 0)
    chosen.push(...rest.splice(Math.floor(random() * rest.length), 1));
  return chosen;
}

// --- copies of the tree --------------------------------------------------------------------------------------

/** A copy of the tree that shares the installed packages; workspace links are relative and so stay inside it. */
function copyTree() {
  const copy = mkdtempSync(join(tmpdir(), 'vmq-mutate-'));
  for (const file of files) textOf(file);
  for (const entry of readdirSync(root, { withFileTypes: true }))
    if (entry.isFile()) cpSync(join(root, entry.name), join(copy, entry.name));
  mkdirSync(join(copy, 'packages'));
  for (const name of readdirSync(join(root, 'packages')))
    cpSync(join(root, 'packages', name), join(copy, 'packages', name), {
      recursive: true,
      verbatimSymlinks: true,
    });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  writeFileSync(
    join(copy, 'model.mjs'),
    `import { runSequences } from './packages/testkit/dist/index.js';\n` +
      `runSequences({ sequences: ${SEQUENCES}, seed: ${MODEL_SEED}, shrink: false });\n`,
  );
  return copy;
}

/** Writes a file of the copy, as source and as built. */
function put(copy, file, text) {
  writeFileSync(join(copy, file), text);
  const { outputText } = ts.transpileModule(text, {
    fileName: file,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  });
  writeFileSync(join(copy, file.replace('/src/', '/dist/').replace(/\.ts$/, '.js')), outputText);
}

/** True if the command ends well. */
function succeeds(command, args, cwd) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd, stdio: 'ignore', detached: true });
    const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), PATIENCE_MS);
    child.on('close', (code) => {
      clearTimeout(timer);
      done(code === 0);
    });
  });
}

const modelPasses = (copy) => succeeds(process.execPath, ['model.mjs'], copy);
/** The tests of the file's own package, from source. */
const testsPass = (copy, file) => {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const folder = file.split('/').slice(0, 2).join('/');
  return succeeds(process.execPath, [vitest, 'run', '--bail', '1', `${folder}/`], copy);
};

// --- the run -------------------------------------------------------------------------------------------------

const files = readdirSync(join(root, 'packages'))
  .flatMap((name) =>
    readdirSync(join(root, 'packages', name, 'src'), { recursive: true }).map((path) =>
      join('packages', name, 'src', path),
    ),
  )
  .filter((path) => !path.endsWith('.test.ts') && SUBJECTS.some((subject) => subject.test(path)))
  .filter((path) => values.only === undefined || path === values.only);
const all = files.flatMap(mutantsOf);
const queue = sampled(all, Number(values.sample), Number(values.seed));
const total = queue.length;
console.log(`${all.length} mutants of ${files.length} files; ${total} of them with seed ${values.seed}`);

const fates = { model: 0, tests: 0, survived: [] };
const byFile = new Map(files.map((file) => [file, { killed: 0, total: 0 }]));

async function work() {
  const copy = copyTree();
  try {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const { file, start, end, replacement } = mutant;
      const original = textOf(file);
      put(copy, file, original.slice(0, start) + replacement + original.slice(end));
      const row = byFile.get(file);
      row.total++;
      if (!(await modelPasses(copy))) fates.model++;
      else if (!(await testsPass(copy, file))) fates.tests++;
      else {
        fates.survived.push(mutant);
        row.killed--;
        console.log(describe(mutant, original));
      }
      row.killed++;
      put(copy, file, original);
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function describe({ file, kind, start, end, replacement }, original) {
  const line = original.slice(0, start).split('\n').length;
  const shown = (text) => text.replace(/\s+/g, ' ').slice(0, 70);
  return `survived  ${relative('packages', file)}:${line}  ${kind}: ${shown(original.slice(start, end))} -> ${shown(replacement)}`;
}

const baseline = copyTree();
const sound = (await modelPasses(baseline)) && (await testsPass(baseline, files[0]));
rmSync(baseline, { recursive: true, force: true });
if (!sound) throw new Error('the unchanged tree does not pass: build it and look at its tests first');
const started = performance.now();
await Promise.all(Array.from({ length: Math.min(Number(values.jobs), total) }, work));

for (const [file, { killed, total: of }] of byFile)
  if (of > 0) console.log(`${String(killed).padStart(4)} of ${String(of).padStart(3)}  ${file}`);
const killed = total - fates.survived.length;
console.log(
  `${killed} of ${total} mutants killed (${((100 * killed) / total).toFixed(1)} %), ` +
    `${fates.model} by the reference model, ${fates.tests} by the packages' tests; ` +
    `${((performance.now() - started) / 1000).toFixed(0)} s`,
);
