// Who takes the time: a V8 CPU profile of this process, its samples laid out by package and by side.
//
// By side: whose turn it is. A sample belongs to the first of these on its stack, seen from the bottom:
//   host       a processor's turn: interrupts, DPCs, miniport, NDIS, switch, the host's end of the channels
//   device     the NIC's turn
//   guest      a VM's turn
//   executor   the rest: choosing who is next, the benchmark's own loop
// By package: where the code of the sample's innermost function stands (inlined functions count as themselves).
import { type Profiler, Session } from 'node:inspector';
import type { Shares } from './sample.ts';

const PACKAGE = /\/packages\/([^/]+)\/(?:dist|src)\/(.*)$/;
const PROCESSOR =
  /\/machine\/(?:dist|src)\/(?:processor\/)?processor\.|\/host\/(?:dist|src)\/(?:\w+\/)?processor-agent\./;

/** What is sampled of a profile, as far as it is looked at. */
export interface SampledProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[] | undefined;
  }[];
  readonly samples?: readonly number[] | undefined;
}

/** Samples this thread from its making on: made before the code is compiled, it knows inlined functions. */
export class LayerProfiler {
  readonly #session = new Session();

  constructor(intervalMicroseconds = 100) {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.setSamplingInterval', { interval: intervalMicroseconds });
    this.#session.post('Profiler.start');
  }

  /** Forgets what was sampled so far. */
  restart(): void {
    this.#session.post('Profiler.stop');
    this.#session.post('Profiler.start');
  }

  stop(): Shares {
    // In the same thread the answer comes before post() returns.
    let profile: Profiler.Profile | undefined;
    this.#session.post('Profiler.stop', (error, result) => {
      if (error !== null) throw error;
      profile = result.profile;
    });
    this.#session.disconnect();
    if (profile === undefined) throw new Error('the profiler gave no profile');
    return sharesOf(profile);
  }
}

/** The calls of a profile, from the bottom of the stack up. */
class CallTree {
  readonly #parents = new Map<number, number>();
  readonly #frames = new Map<number, SampledProfile['nodes'][number]['callFrame']>();

  constructor(nodes: SampledProfile['nodes']) {
    for (const { id, callFrame, children = [] } of nodes) {
      this.#frames.set(id, callFrame);
      for (const child of children) this.#parents.set(child, id);
    }
  }

  frame(id: number): SampledProfile['nodes'][number]['callFrame'] {
    return this.#frames.get(id) ?? { functionName: '', url: '' };
  }

  sideOf(id: number): string {
    const parent = this.#parents.get(id);
    const above = parent === undefined ? 'executor' : this.sideOf(parent);
    if (above !== 'executor') return above;
    const { url } = this.frame(id);
    if (PROCESSOR.test(url)) return 'host';
    const name = PACKAGE.exec(url)?.[1];
    return name === 'nic' ? 'device' : name === 'guest' ? 'guest' : 'executor';
  }

  isWithin(id: number | undefined, name: string): boolean {
    if (id === undefined) return false;
    return this.frame(id).functionName === name || this.isWithin(this.#parents.get(id), name);
  }
}

/** Shares of the samples taken while something was measured. */
export function sharesOf({ nodes, samples = [] }: SampledProfile): Shares {
  const counts = new Map<number, number>();
  for (const id of samples) counts.set(id, (counts.get(id) ?? 0) + 1);
  const tree = new CallTree(nodes);
  const sides: Record<string, number> = {};
  const layers: Record<string, number> = {};
  let total = 0;
  for (const [id, count] of counts) {
    const { functionName, url } = tree.frame(id);
    // The collector and native code have no stack of their own.
    const isMeasured = tree.isWithin(id, 'measure') && !tree.isWithin(id, 'controlLoop');
    if (!isMeasured && functionName !== '(garbage collector)' && functionName !== '(program)') continue;
    total += count;
    const side = tree.sideOf(id);
    const name = PACKAGE.exec(url)?.[1] ?? (functionName === '(garbage collector)' ? 'garbage' : 'other');
    sides[side] = (sides[side] ?? 0) + count;
    layers[`${side}/${name}`] = (layers[`${side}/${name}`] ?? 0) + count;
  }
  return { sides: fractions(sides, total), layers: fractions(layers, total), samples: total };
}

const fractions = (counts: Readonly<Record<string, number>>, total: number): Record<string, number> =>
  Object.fromEntries(
    Object.entries(counts)
      .sort((a, b) => b[1] - a[1])
      .map(([name, count]) => [name, count / total]),
  );
