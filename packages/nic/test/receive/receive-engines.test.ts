import { FrameConsumer, TRACE_ALL, TraceReader } from '@vmq/machine';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NIC_AGENT, nicEngineAgent } from '../../src/device/nic-agent.ts';
import {
  CTRL_RST,
  CTRL_RXEN,
  FLTVLAN_ANY,
  QSTS_STARVED,
  RCTL_AAM,
  RCTL_BAM,
  REG,
  RX_QUEUE_STRIDE,
  RXCTL_CSUMEN,
  RXCTL_DROPEN,
  RXCTL_ENABLE,
} from '../../src/registers/register-constants.ts';
import { Bench, type BenchQueue, frameTo, macOf, type Received } from '../bench.test-support.ts';
import { dropped } from '../one-queue.test-support.ts';

const QUEUES = 5;
const STATISTICS = [
  'GPRC',
  'GORC',
  'RUNT',
  'OVERSIZE',
  'NOMATCH',
  'MCREFUSED',
  'BCREFUSED',
  'RXDISABLED',
  'QSTOPPED',
  'NODESC',
  'BUFSMALL',
  'RXFAULTS',
  'LINKDOWN',
  'SPURIOUS',
] as const;
const QUEUE_STATISTICS = ['RDH', 'RXPKTLO', 'RXBYTLO', 'RXDROP', 'RXSMALL', 'RXSTS'] as const;

interface FrameWish {
  readonly mac: number;
  readonly tci: number;
  readonly length: number;
}

/** What happens to a device, in this order; `steps` are turns that agents take behind it. */
type Operation =
  | { readonly op: 'send'; readonly frames: readonly FrameWish[]; readonly steps: number }
  | {
      readonly op: 'filter';
      readonly slot: number;
      readonly mac: number;
      readonly mode: number;
      readonly vid: number;
      readonly queue: number;
    }
  | { readonly op: 'clear'; readonly slot: number }
  | { readonly op: 'queue'; readonly queue: number }
  | { readonly op: 'engine'; readonly queue: number; readonly engine: number }
  | { readonly op: 'port' }
  | { readonly op: 'link' }
  | { readonly op: 'reset' }
  | { readonly op: 'trace' };

const STATION = [0x02, 0x56, 0x4d, 0x51, 0x00, 0x01];
const BROADCAST = [255, 255, 255, 255, 255, 255];
const MULTICAST = [1, 0, 0x5e, 0, 0, 1];
const addressOf = (n: number): readonly number[] =>
  n < 6 ? macOf(n) : n === 6 ? STATION : n === 7 ? BROADCAST : MULTICAST;

const frames = fc.record({
  mac: fc.nat(8),
  tci: fc.constantFrom(-1, -1, 0, 100, 101, 0x2064),
  length: fc.oneof(fc.integer({ min: 60, max: 300 }), fc.constantFrom(10, 14, 17, 1514, 1518, 1600)),
});
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      op: fc.constant('send' as const),
      frames: fc.array(frames, { maxLength: 24, size: 'max' }),
      steps: fc.nat(6),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('filter' as const),
      slot: fc.nat(7),
      mac: fc.nat(7),
      mode: fc.nat(2),
      vid: fc.constantFrom(0, 100, 101),
      queue: fc.nat(QUEUES - 1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('clear' as const), slot: fc.nat(7) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('queue' as const), queue: fc.nat(QUEUES - 1) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('engine' as const),
      queue: fc.nat(QUEUES - 1),
      engine: fc.nat(7),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ op: 'port' as const }) },
  { weight: 1, arbitrary: fc.constant({ op: 'link' as const }) },
  { weight: 1, arbitrary: fc.constant({ op: 'reset' as const }) },
  { weight: 1, arbitrary: fc.constant({ op: 'trace' as const }) },
);

/** A device, and everything that came out of it. */
class Scene {
  readonly bench: Bench;
  readonly queues: BenchQueue[];
  readonly enabled: boolean[] = new Array<boolean>(QUEUES).fill(false);
  readonly received: Received[][] = Array.from({ length: QUEUES }, () => []);
  /** Interrupts taken when a queue was last enabled. */
  readonly interruptsBefore: number[] = new Array<number>(QUEUES).fill(0);
  readonly engines: number;
  readonly #heads: FrameConsumer[];
  #given = 0;
  #receives = true;
  #linkUp = true;
  #isTraced = false;

  constructor(engines: number, seed: number) {
    this.engines = engines;
    this.bench = new Bench({ receiveEngines: engines, seed, hostBytes: 12 << 20 });
    this.queues = Array.from({ length: QUEUES }, (_, queue) => this.bench.queue(queue, 512));
    this.#heads = Array.from({ length: engines }, (_, engine) => new FrameConsumer(this.bench.rx, engine));
    this.setUp();
  }

  setUp(): void {
    const { registers } = this.bench;
    this.bench.aimInterrupts();
    registers.write32(REG.CTRL, this.#receives ? CTRL_RXEN : 0);
    registers.write32(REG.RCTL, RCTL_AAM | RCTL_BAM);
    for (let queue = 0; queue < QUEUES - 1; queue++) this.enable(queue);
    for (let slot = 0; slot < 4; slot++) this.bench.filter(slot, macOf(slot), FLTVLAN_ANY, 0, slot + 1);
    this.bench.configure();
  }

  enable(n: number): void {
    const queue = this.queues[n];
    this.bench.executor.runUntilIdle(); // interrupts of its former life have been taken
    this.bench.host.i32[queue.status >> 2] = 0;
    queue.enable(512, RXCTL_ENABLE | RXCTL_DROPEN | (n === 2 ? RXCTL_CSUMEN : 0));
    if (n === 3) this.bench.registers.write32(queue.register('RXBUF'), 200);
    this.bench.registers.write32(queue.register('RXARM'), 1);
    this.enabled[n] = true;
    this.interruptsBefore[n] = this.bench.interrupts.length;
  }

  /** The fastest engine stands behind the last frame, so that what changes now changes there. */
  reachEnd(): void {
    const isThere = (): boolean =>
      this.#heads.some((head) => {
        head.resume();
        return head.position === this.#given;
      });
    if (this.engines === 1) this.bench.executor.runUntilIdle();
    while (!isThere()) if (!this.bench.executor.step()) throw new Error('frames wait, and nobody takes them');
  }

  take(n: number): void {
    this.received[n]?.push(...this.queues[n].take(false));
  }

  run(operation: Operation): void {
    const { bench } = this;
    if (operation.op === 'send') {
      for (const { mac, tci, length } of operation.frames) {
        expect(bench.offer(frameTo(addressOf(mac), length, tci, this.#given))).toBe(true);
        this.#given++;
      }
      bench.wire.publish();
      bench.wake();
      for (let i = 0; i < operation.steps; i++) bench.executor.step();
      return;
    }
    this.reachEnd();
    switch (operation.op) {
      case 'filter':
        bench.filter(operation.slot, macOf(operation.mac), operation.mode, operation.vid, operation.queue);
        break;
      case 'clear':
        bench.clearFilter(operation.slot);
        break;
      case 'queue': {
        const n = operation.queue;
        if (!this.enabled[n]) this.enable(n);
        else {
          this.queues[n]?.disable();
          this.enabled[n] = false;
          bench.configure();
          this.take(n);
        }
        break;
      }
      case 'engine':
        bench.registers.write32(REG.RXENG + operation.queue * RX_QUEUE_STRIDE, operation.engine);
        break;
      case 'port':
        this.#receives = !this.#receives;
        bench.registers.write32(REG.CTRL, this.#receives ? CTRL_RXEN : 0);
        break;
      case 'link':
        this.#linkUp = !this.#linkUp;
        bench.executor.post(NIC_AGENT, { op: 'link', up: this.#linkUp });
        bench.executor.publish();
        break;
      case 'trace':
        this.#isTraced = !this.#isTraced;
        new TraceReader(bench.machine.traceImage).setLevel(this.#isTraced ? TRACE_ALL : 0);
        bench.executor.publish();
        break;
      case 'reset':
        bench.registers.write32(REG.CTRL, CTRL_RST);
        bench.executor.runUntil(() => (bench.registers.read32(REG.CTRL) & CTRL_RST) === 0);
        for (let n = 0; n < QUEUES; n++) if (this.enabled[n]) this.take(n);
        this.enabled.fill(false);
        this.setUp();
        break;
    }
    bench.configure();
  }

  /** Everything comes to rest; what there is to see then. */
  finish(): object {
    const { bench, enabled } = this;
    bench.executor.runUntilIdle();
    for (let n = 0; n < QUEUES; n++) {
      if (!enabled[n]) continue;
      const fresh = this.queues[n].waiting;
      const vectors = bench.interrupts.slice(this.interruptsBefore[n]).map(([, vector]) => vector);
      expect(vectors.filter((vector) => vector === 32 + n).length).toBe(fresh > 0 ? 1 : 0);
      this.take(n);
    }
    const report = bench.machine.ledger.report();
    expect(report.received).toBe(this.#given);
    const delivered = this.received.reduce((sum, list) => sum + list.length, 0);
    const lost = Object.values(report.ends.dropped).reduce((sum, count) => sum + count, 0);
    expect(delivered + lost).toBe(this.#given);
    expect(bench.wire.pending).toBe(0);
    return {
      received: this.received,
      dropped: report.ends.dropped,
      stamp: bench.registers.read32(REG.RXSTAMP),
      statistics: STATISTICS.map((name) => [name, bench.statistic(REG[name])]),
      queues: this.queues.map((queue) =>
        QUEUE_STATISTICS.map((name) => bench.registers.read32(queue.register(name))),
      ),
    };
  }
}

const play = (engines: number, seed: number, operations: readonly Operation[]): object => {
  const scene = new Scene(engines, seed);
  for (const operation of operations) scene.run(operation);
  return scene.finish();
};

describe('several receive engines', () => {
  test('property: bytes, completions, stamps, counters and ledger are those of one engine, whatever changes amid traffic', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30, size: 'max' }), fc.nat(), (operations, seed) => {
        const one = play(1, seed, operations);
        expect(play(2, seed, operations)).toEqual(one);
        expect(play(4, seed, operations)).toEqual(one);
      }),
      { numRuns: 60 },
    );
  });

  test('property: a change amid traffic holds from one frame on, the same for all queues; per queue stamps ascend', () => {
    const steps = fc.array(fc.record({ send: fc.nat(9), steps: fc.nat(9), change: fc.boolean() }), {
      minLength: 5,
      maxLength: 60,
      size: 'max',
    });
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 4 }), steps, fc.nat(), (engines, rounds, seed) => {
        const bench = new Bench({ receiveEngines: engines, seed, hostBytes: 12 << 20 });
        const queues = [1, 2, 3, 4].map((n) => bench.queue(n, 1024));
        for (const queue of queues) queue.enable();
        // Station 1 goes to queue 1 or 2, station 2 to queue 3 or 4: other engines in any case.
        let changes = 0;
        const aim = (): void => {
          bench.filter(0, macOf(1), FLTVLAN_ANY, 0, 1 + (changes & 1));
          bench.filter(1, macOf(2), FLTVLAN_ANY, 0, 3 + (changes & 1));
        };
        aim();
        bench.configure();
        let given = 0;
        for (const round of rounds) {
          for (let i = 0; i < round.send; i++, given++) bench.offer(frameTo(macOf(1 + (given & 1)), 64));
          bench.wire.publish();
          bench.wake();
          for (let i = 0; i < round.steps; i++) bench.executor.step();
          if (!round.change) continue;
          changes++;
          aim();
          bench.configure();
        }
        bench.executor.runUntilIdle();
        const side: number[] = [];
        for (const queue of queues) {
          const stamps = queue.take(false).map(({ stamp }) => stamp);
          expect(stamps).toEqual([...stamps].sort((a, b) => a - b));
          for (const stamp of stamps) {
            expect(side[stamp]).toBe(undefined);
            side[stamp] = (queue.queue - 1) & 1;
          }
        }
        // Stamps 1, 2 … are the frames in their order: as many turns of the tide as there were changes, at the most.
        const seen = side.slice(1);
        expect(seen.filter((which) => which !== undefined).length).toBe(given);
        expect(seen.filter((which, i) => i > 0 && which !== seen[i - 1]).length).toBeLessThanOrEqual(changes);
      }),
      { numRuns: 150 },
    );
  });

  /** Queues 1 (engine 1) and 2 (engine 0) with a filter each, station 1 and 2. */
  function twoQueues(control: number, posted: number): [Bench, BenchQueue, BenchQueue] {
    const bench = new Bench({ receiveEngines: 2 });
    const [first, second] = [bench.queue(1), bench.queue(2)];
    first.enable(posted, control);
    second.enable();
    bench.filter(0, macOf(1), FLTVLAN_ANY, 0, 1);
    bench.filter(1, macOf(2), FLTVLAN_ANY, 0, 2);
    bench.configure();
    return [bench, first, second];
  }
  const starved = (bench: Bench): boolean =>
    (bench.registers.read32(REG.RXSTS + RX_QUEUE_STRIDE) & QSTS_STARVED) !== 0;

  test('without DROPEN a queue holds up its own engine, loses nothing, and goes on when descriptors come', () => {
    const [bench, first, second] = twoQueues(RXCTL_ENABLE, 2);
    for (let i = 0; i < 8; i++) bench.offer(frameTo(macOf(1 + (i & 1)), 64));
    bench.send();
    expect([first.waiting, second.waiting, starved(bench)]).toEqual([2, 4, true]);
    expect(bench.wire.pending).toBe(4); // the slower one's
    first.post(2);
    bench.executor.runUntilIdle();
    expect([first.waiting, second.waiting, starved(bench)]).toEqual([4, 4, false]);
    expect([dropped(bench), bench.wire.pending]).toEqual([{}, 0]);
  });

  test('a change does not wait for descriptors: what others have left behind is dropped for want of one', () => {
    const [bench, first, second] = twoQueues(RXCTL_ENABLE, 0);
    for (let i = 0; i < 6; i++) bench.offer(frameTo(macOf(1 + (i & 1)), 64));
    bench.send();
    expect(starved(bench)).toBe(true);
    first.disable();
    bench.configure();
    bench.send(frameTo(macOf(1), 64), frameTo(macOf(2), 64));
    expect(dropped(bench)).toEqual({ 'nic.no-descriptor': 3, 'nic.no-match': 1 });
    expect([second.waiting, bench.wire.pending]).toEqual([4, 0]);
    expect(bench.registers.read32(REG.RXSTS + RX_QUEUE_STRIDE)).toBe(0);
  });

  test('a device that hangs does so with all its engines, until it is reset', () => {
    const [bench, first, second] = twoQueues(RXCTL_ENABLE | RXCTL_DROPEN, 64);
    const tell = (fault: object): void => {
      bench.executor.post(NIC_AGENT, { op: 'fault', fault });
      bench.executor.publish();
    };
    tell({ kind: 'hang', part: 'device', isStubborn: false });
    bench.send(frameTo(macOf(1), 64), frameTo(macOf(2), 64));
    expect([first.waiting, second.waiting]).toEqual([0, 0]);
    tell({ kind: 'none' });
    bench.executor.runUntilIdle();
    expect([first.waiting, second.waiting]).toEqual([1, 1]);
    tell({ kind: 'hang', part: 'device', isStubborn: false });
    bench.send(frameTo(macOf(1), 64), frameTo(macOf(2), 64));
    bench.registers.write32(REG.CTRL, CTRL_RST);
    bench.executor.runUntilIdle();
    expect(bench.registers.read32(REG.CTRL)).toBe(0);
    expect(bench.machine.ledger.report()).toMatchObject({
      received: 4,
      ends: { dropped: { 'nic.rx-disabled': 2 } },
    });
  });

  test('no frame is written to memory once the device is off, whichever engine it is for', () => {
    const [bench, first, second] = twoQueues(RXCTL_ENABLE | RXCTL_DROPEN, 64);
    bench.executor.post(NIC_AGENT, { op: 'power', on: false });
    bench.executor.publish();
    bench.send(frameTo(macOf(1), 64), frameTo(macOf(2), 64));
    expect([first.waiting, second.waiting]).toEqual([0, 0]);
    bench.executor.post(NIC_AGENT, { op: 'power', on: true });
    bench.executor.publish();
    expect([
      bench.registers.read32(REG.ENGINES),
      bench.registers.read32(REG.RXENG + RX_QUEUE_STRIDE),
    ]).toEqual([2, 1]);
    expect(dropped(bench)).toEqual({ 'nic.rx-disabled': 2 });
  });

  test('their number and their wire must fit', () => {
    expect(() => new Bench({ receiveEngines: 9 })).toThrow(/need 1\.\.8/);
    const bench = new Bench({ receiveEngines: 1 });
    expect(bench.registers.read32(REG.ENGINES)).toBe(1);
    expect([nicEngineAgent(0), nicEngineAgent(3)]).toEqual(['nic', 'nic:3']);
  });
});
