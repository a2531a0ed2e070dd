// The kept corpus of the fuzzer that is led by coverage (tools/fuzz/led.mjs): every list of choices, on what was built.
import { expect, test } from 'vitest';

interface Target {
  readonly name: string;
}
const load = (file: string): Promise<unknown> => import(new URL(`./fuzz/${file}`, import.meta.url).href);
const { TARGETS } = (await load('targets.mjs')) as { TARGETS: readonly Target[] };
const { readCorpus, runChoices } = (await load('corpus.mjs')) as {
  readCorpus(target: string): readonly Uint32Array[];
  runChoices(target: Target, modules: unknown, list: Uint32Array): Promise<Uint32Array>;
};
const { loadModules } = (await load('session.mjs')) as {
  loadModules(target: Target, built: boolean): Promise<unknown>;
};

/** Its buffers are whole replays, which take seconds each. */
const WITHOUT_CORPUS = ['command-line'];

test.each(TARGETS.filter(({ name }) => !WITHOUT_CORPUS.includes(name)))(
  'nothing of the kept corpus crashes $name',
  async (target) => {
    const modules = await loadModules(target, true);
    const corpus = readCorpus(target.name);
    expect(corpus.length).toBeGreaterThan(0);
    for (const list of corpus) expect((await runChoices(target, modules, list)).length).toBeGreaterThan(0);
  },
);
