// The marks: names of rare branches in the packages' code (`Machine.reach`), and the run of the simulator that must reach each.
//
//   fast       reached by the seeds of the test command (packages/simulator/test/simulator.test.ts), without or with faults
//   full       reached by `node tools/mutation/dist/run-marks.js`, without or with faults
//   elsewhere  reached by no world of the simulator, and why; the test that gets there
//
// A test holds this list against the sources: a mark that is in one of them alone fails.

export interface Mark {
  readonly name: string;
  readonly run: 'fast' | 'full' | 'elsewhere';
  /** Whether the run that must reach it has faults. */
  readonly faults: boolean;
  /** Why no world reaches it, and which test does. */
  readonly why?: string;
}

const fast = (...names: string[]): Mark[] => names.map((name) => ({ name, run: 'fast', faults: false }));
const fastWithFaults = (...names: string[]): Mark[] =>
  names.map((name) => ({ name, run: 'fast', faults: true }));
const full = (...names: string[]): Mark[] => names.map((name) => ({ name, run: 'full', faults: false }));
const fullWithFaults = (...names: string[]): Mark[] =>
  names.map((name) => ({ name, run: 'full', faults: true }));
const elsewhere = (name: string, why: string): Mark[] => [{ name, run: 'elsewhere', faults: false, why }];

export const MARKS: readonly Mark[] = [
  ...fast(
    'host.migration-undone-after-copy',
    'host.migration-undone-after-destination-nic-connect',
    'host.migration-undone-after-nothing',
    'host.migration-undone-after-operational-port',
    'host.migration-undone-after-save',
    'host.migration-undone-after-source-nic-delete',
    'host.migration-undone-after-source-nic-disconnect',
    'host.migration-undone-after-source-port-delete',
    'host.migration-undone-after-source-port-teardown',
    'host.migration-undone-after-stop',
    'host.migration-undone-after-validation-port',
    'host.slot-used-again',
    'miniport.buffer-comes-back-elsewhere',
    'miniport.buffers-collected',
    'miniport.free-waits-for-nbls',
    'miniport.queue-moves-to-another-engine',
    'miniport.ring-posted-again',
    'miniport.send-refused',
    'miniport.sends-abandoned',
    'nic.stamps-begin-anew',
    'vmbus.ring-to-guest-full',
    'vswitch.frame-gathered',
  ),
  ...fastWithFaults(
    'miniport.completion-damaged',
    'miniport.device-does-not-answer',
    'miniport.no-memory-for-a-queue',
  ),
  ...full(
    'host.migration-undone-after-destination-nic-create',
    'ndis.chain-before-paused-filters',
    'nic.arming-follows-its-queue',
  ),
  ...fullWithFaults(
    'host.vm-kept-by-its-adapter',
    'miniport.device-does-not-come-back',
    'miniport.frames-lost-in-reset',
    'ndis.request-waits-for-another',
    'nic.interrupt-while-masked',
  ),
  ...elsewhere(
    'miniport.free-aborted-by-reset',
    'a reset while a free waits: worlds let go of NBLs before that; packages/miniport/test/driver/power-and-reset.test.ts',
  ),
  ...elsewhere(
    'miniport.free-issued-again',
    'behind that reset; packages/miniport/test/driver/power-and-reset.test.ts',
  ),
  ...elsewhere(
    'ndis.request-held-for-a-reset',
    'the same, in NDIS; packages/miniport/test/driver/power-and-reset.test.ts',
  ),
  ...elsewhere(
    'miniport.queue-ends-with-frames',
    'one seed in some thousand; its steps are kept in packages/simulator/test/regressions',
  ),
  ...elsewhere(
    'ndis.send-while-not-running',
    'the switch sends nothing then; packages/ndis/test/datapath/data-path.test.ts does',
  ),
  ...elsewhere(
    'nic.interrupt-moderated',
    'the miniport sets no interval; packages/nic/test/interrupt/interrupts.test.ts does',
  ),
  ...elsewhere(
    'vswitch.batch-full',
    'rings of a world are shorter than the switch’s batch of 128; hosts of the usual sizes reach it in every replay',
  ),
];

/** Drop reasons of the ledger that the fast runs must see, without their `dropped.`. */
export const DROPS: Readonly<Record<'plain' | 'faults', readonly string[]>> = {
  plain: [
    'miniport.reset',
    'ndis.not-running',
    'nic.no-descriptor',
    'nic.no-match',
    'nic.oversize',
    'nic.runt',
    'nic.rx-disabled',
    'vmbus.no-section',
    'vmbus.not-open',
    'vmbus.packet-filter',
    'vmbus.ring-full',
    'vswitch.external-not-running',
    'vswitch.mac-spoofing',
    'vswitch.no-member-port',
    'vswitch.port-disconnected',
    'vswitch.source-port',
    'vswitch.unknown-destination',
    'vswitch.vlan-mismatch',
  ],
  faults: ['miniport.bad-completion', 'nic.dma-fault', 'nic.link-down'],
};

/** Names that a run must have reached and has not. `run`: fast or full, which has the fast ones too. */
export function missingMarks(
  reached: ReadonlyMap<string, number>,
  run: 'fast' | 'full',
  faults: boolean,
): string[] {
  const wanted = MARKS.filter((one) => one.faults === faults && (one.run === 'fast' || one.run === run)).map(
    ({ name }) => name,
  );
  const drops = (faults ? DROPS.faults : DROPS.plain).map((reason) => `dropped.${reason}`);
  return [...wanted, ...drops].filter((name) => !reached.has(name));
}

/** The steps of a migration whose name ends a mark. */
const STEP = ['$', '{last}'].join('');

/** Differences between the list and what stands in the sources (`texts`: of all files of packages). */
export function unlisted(texts: readonly string[]): { notListed: string[]; notInSources: string[] } {
  const found = new Set<string>();
  for (const text of texts)
    for (const [, name = ''] of text.matchAll(/reach(?:\?\.)?\(\s*['`]([^'`]+)['`]/g)) found.add(name);
  const listed = new Set(MARKS.map(({ name }) => name));
  const family = [...found].filter((name) => name.endsWith(STEP)).map((name) => name.slice(0, -STEP.length));
  const isFamily = (name: string): boolean => family.some((prefix) => name.startsWith(prefix));
  return {
    notListed: [...found].filter((name) => !name.endsWith(STEP) && !listed.has(name)),
    notInSources: [...listed].filter((name) => !found.has(name) && !isFamily(name)),
  };
}
