// Runs in a copy of the tree: short runs of the model's sequences and of the simulator. Exit code 1 if one fails. The seeds
// never change, so that a mutant's fate does not depend on chance. The packages are the copy's own, so they are named by
// their place.
import { runSequences } from '../../../packages/reference-model/dist/index.js';
import { FAULT_NAMES, simulate } from '../../../packages/simulator/dist/index.js';

runSequences({ sequences: 1500, seed: 20260728, shrink: false });
for (let seed = 1; seed <= 16; seed++) {
  const faults = seed % 2 === 1 ? [] : FAULT_NAMES;
  const { failures } = simulate({ seed, steps: 400, shrink: false, hostile: true, faults });
  if (failures.length > 0) process.exit(1);
}
