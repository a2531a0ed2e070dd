// The kept corpus of the fuzzer that is led by coverage (tools/fuzz/src/led.ts): every list of choices, on the sources.
import { expect, test } from 'vitest';
import { readCorpus, runChoices } from '../src/corpus.ts';
import { TARGETS } from '../src/targets.ts';

/** Its buffers are whole replays, which take seconds each. */
const WITHOUT_CORPUS = ['command-line'];

test.each(TARGETS.filter(({ name }) => !WITHOUT_CORPUS.includes(name)))(
  'nothing of the kept corpus crashes $name',
  async (target) => {
    const corpus = readCorpus(target.name);
    expect(corpus.length).toBeGreaterThan(0);
    for (const list of corpus) expect((await runChoices(target, list)).length).toBeGreaterThan(0);
  },
);
