/** The search for bytes of others sees them wherever they lie: or it could not fail, whatever the stack did. */
import { expect, test } from 'vitest';
import { markOf } from '../src/audit/frame-marks.ts';
import { TraceHash } from '../src/audit/trace-hash.ts';
import { SimulatedVm } from '../src/world/simulated-vm.ts';

const WORDS = 64;

/** Two VMs in the first VLAN; what is found is said by the first one. */
function createVm(): SimulatedVm {
  const everybody: SimulatedVm[] = [];
  const surroundings = {
    everybody,
    hostiles: [],
    arrivals: [],
    hash: new TraceHash(),
    tolerance: { flips: false, repeats: false, damage: false },
  };
  for (const number of [0, 1])
    everybody.push(new SimulatedVm(number, 0, 0, { isCurious: false, answers: false }, surroundings));
  return everybody[0];
}

const FOR_IT = markOf(1, 0, 0);
const FOR_ANOTHER = markOf(1, 1, 0);

test.each(Array.from({ length: WORDS }, (_, at) => at))(
  'a word of another’s frame at word %i is found',
  (at) => {
    const words = new Int32Array(WORDS);
    const found = new RegExp(`has bytes from .* at ${(at << 2).toString(16)}$`);
    words[at] = FOR_ANOTHER;
    expect(() => createVm().scanAll(words)).toThrow(found);
    // The same bit by bit, and among words that it may see.
    words.fill(FOR_IT);
    words[at] = FOR_ANOTHER;
    const vm = createVm();
    expect(() => {
      for (let n = 0; n < WORDS / 8; n++) vm.scan(words, 8);
    }).toThrow(found);
  },
);

test('what it may see, and words that are no marks, may lie anywhere', () => {
  const words = new Int32Array(WORDS).fill(FOR_IT);
  for (let at = 0; at < WORDS; at += 3) words[at] = at * 0x0101_0101;
  expect(() => createVm().scanAll(words)).not.toThrow();
});
