import {
  NDIS_DEVICE_POWER_STATE,
  NDIS_STATUS_RESET_END,
  NDIS_STATUS_RESET_START,
  statusName,
} from '@vmq/abi';
import { REG } from '@vmq/nic';
import { describe, expect, it } from 'vitest';
import {
  allocate,
  type Bench,
  type BenchOptions,
  clearFilter,
  complete,
  createBench,
  frame,
  free,
  move,
  runningQueue,
  SendMemory,
  setFilter,
} from '../bench.test-support.ts';

const SUCCESS = 'NDIS_STATUS_SUCCESS';
const { NdisDeviceStateD0: D0, NdisDeviceStateD2: D2, NdisDeviceStateD3: D3 } = NDIS_DEVICE_POWER_STATE;
const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
const frames = (last: number, from: number, count: number): Uint8Array[] =>
  range(from, count).map((sequence) => frame(last, { sequence }));
const seen = (bench: Bench, queueId: number): number[] =>
  bench.frames.filter((one) => one.queueId === queueId).map(({ sequence }) => sequence);
const setPower = (bench: Bench, state: number): string => statusName(bench.adapter.setPower(state));
const reset = (bench: Bench): string => statusName(bench.adapter.reset());

/** Two VM queues, on processors 0 and 1; the first one's frames are held. */
function twoQueues(options: BenchOptions = {}) {
  const bench = createBench(options);
  const first = runningQueue(bench, 1, 0);
  const second = runningQueue(bench, 2, 1);
  bench.holding.add(first.queueId);
  return { bench, first, second };
}

const heldBytes = (bench: Bench): number[][] =>
  bench
    .path(0)
    .held.map(({ firstNetBuffer: { mdl, dataLength } }) => [
      ...mdl.segment.u8.slice(mdl.byteOffset, mdl.byteOffset + dataLength),
    ]);

describe.each([
  ['reset', (bench: Bench) => expect(reset(bench)).toBe(SUCCESS)],
  [
    'D3 and D0',
    (bench: Bench) => {
      expect(setPower(bench, D3)).toBe(SUCCESS);
      expect(setPower(bench, D0)).toBe(SUCCESS);
    },
  ],
] as const)('%s', (_, interrupt) => {
  it('LIFE-12 LIFE-18 queues, filters, affinities and the packet filter are as before, in order and without loss', () => {
    const { bench, first, second } = twoQueues();
    bench.receive(...frames(1, 0, 5), ...frames(2, 0, 30), frame(BROADCAST, { sequence: 0 }));
    interrupt(bench);
    bench.receive(...frames(1, 5, 5), ...frames(2, 30, 30), frame(BROADCAST, { sequence: 1 }));
    expect(seen(bench, first.queueId)).toEqual(range(0, 10));
    expect(seen(bench, second.queueId)).toEqual(range(0, 60));
    expect(seen(bench, 0)).toEqual([0, 1]);
    expect(new Set(bench.frames.filter(({ queueId }) => queueId === 2).map((one) => one.processor))).toEqual(
      new Set([1]),
    );
    expect(bench.adapter.inspect().queues.map(({ state }) => state)).toEqual([
      'Running',
      'Running',
      'Running',
    ]);
    expect(bench.violations()).toEqual([]);
    expect(bench.machine.ledger.report()).toMatchObject({ inFlight: 0, ends: { dropped: {} } });
  });

  it('LIFE-12 LIFE-18 NBLs that are out stay as they are; their buffers join the ring when they come back', () => {
    const { bench, first } = twoQueues();
    bench.receive(...frames(1, 0, 30)); // of 32 buffers
    const before = heldBytes(bench);
    for (let round = 0; round < 3; round++) interrupt(bench);
    bench.receive(...frames(1, 30, 2), frame(1, { sequence: 99 }));
    expect(seen(bench, first.queueId)).toEqual(range(0, 32));
    expect(heldBytes(bench).slice(0, 30)).toEqual(before);
    bench.on(0, (path) => path.giveBack(path.held));
    bench.settle();
    bench.receive(...frames(1, 200, 32));
    expect(seen(bench, first.queueId).slice(32)).toEqual(range(200, 32));
    expect(bench.machine.ledger.report().ends.dropped).toEqual({ 'nic.no-descriptor': 1 });
  });

  it('LIFE-12 LIFE-18 again and again, with moves between, everything goes on', () => {
    const { bench, first, second } = twoQueues({ processors: 3 });
    let sequence = 0;
    for (let round = 0; round < 8; round++) {
      bench.receive(...frames(1, sequence, 7), ...frames(2, sequence, 7));
      sequence += 7;
      interrupt(bench);
      expect(move(bench, second.queueId, round % 3)).toBe(SUCCESS);
      if (round % 2 === 0) bench.on(0, (path) => path.giveBack(path.held.slice().reverse()));
      bench.settle();
    }
    expect(seen(bench, first.queueId)).toEqual(range(0, sequence));
    expect(seen(bench, second.queueId)).toEqual(range(0, sequence));
    expect(bench.violations()).toEqual([]);
  });

  it('LIFE-12 LIFE-18 sends go on afterwards', () => {
    const { bench } = twoQueues();
    const memory = new SendMemory(bench);
    const send = (processor: number): void => {
      bench.on(processor, (path) => path.send([memory.frame(frame(9, { sequence: processor }))]));
      bench.settle();
    };
    for (const processor of [0, 1]) send(processor);
    interrupt(bench);
    for (const processor of [0, 1, 0]) send(processor);
    expect(bench.completions.flatMap(({ statuses }) => statuses)).toEqual(new Array(5).fill(SUCCESS));
    expect(bench.sent()).toHaveLength(5);
  });

  it('LIFE-12 LIFE-18 an adapter that is Paused stays so', () => {
    const { bench, second } = twoQueues();
    expect(statusName(bench.adapter.pause())).toBe(SUCCESS);
    interrupt(bench);
    bench.receive(...frames(2, 0, 3));
    expect(bench.frames).toEqual([]);
    expect(statusName(bench.adapter.restart())).toBe(SUCCESS);
    bench.receive(...frames(2, 3, 3));
    expect(seen(bench, second.queueId)).toEqual([3, 4, 5]);
  });
});

describe('reset', () => {
  it('LIFE-14 a pending free is aborted, issued again by NDIS, and completes with the last NBL: one DmaStopped', () => {
    const { bench, first } = twoQueues();
    bench.receive(...frames(1, 0, 3));
    expect(clearFilter(bench, first.queueId, first.filterId)).toBe(SUCCESS);
    expect(free(bench, first.queueId)).toBe('NDIS_STATUS_PENDING');
    bench.events.length = 0;
    expect(reset(bench)).toBe(SUCCESS);
    expect(bench.events).toEqual([
      `indicate ${statusName(NDIS_STATUS_RESET_START)}`,
      `indicate ${statusName(NDIS_STATUS_RESET_END)}`,
    ]);
    expect(bench.adapter.inspect().pendingOids).toMatchObject([{ state: 'at the miniport' }]);
    bench.on(0, (path) => path.giveBack(path.held));
    bench.settle();
    expect(bench.completed.map(({ status }) => status)).toEqual([SUCCESS]);
    expect(bench.adapter.inspect().queues.map(({ queueId }) => queueId)).toEqual([0, 2]);
    expect(bench.violations()).toEqual([]);
    // The id can be used again, and the queue receives.
    const again = allocate(bench);
    setFilter(bench, again, 5);
    expect([again, ...complete(bench, again)]).toEqual([first.queueId, SUCCESS]);
    bench.holding.clear();
    bench.receive(...frames(5, 7, 1));
    expect(seen(bench, again)).toEqual([0, 1, 2, 7]);
  });

  it('LIFE-13 during a reset a protocol may return NBLs, and a second reset is superfluous', () => {
    const { bench, first } = twoQueues();
    bench.receive(...frames(1, 0, 32));
    const { status } = bench.adapter.bind({
      name: 'watcher',
      dataPathFactory: '',
      dataPathImage: () => null,
      bindAdapter: () => 0,
      unbindAdapter: () => {},
      oidRequestComplete: () => {},
      status(_binding, { statusCode }) {
        if (statusCode !== NDIS_STATUS_RESET_START) return;
        bench.events.push(`inner ${reset(bench)}`);
        bench.on(0, (path) => path.giveBack(path.held));
      },
      pause: () => {},
      restart: () => {},
    });
    expect(status).toBe(0);
    expect(reset(bench)).toBe(SUCCESS);
    expect(bench.events).toContain('inner NDIS_STATUS_RESET_IN_PROGRESS');
    bench.receive(...frames(1, 32, 32));
    expect(seen(bench, first.queueId)).toEqual(range(0, 64));
  });

  it('LIFE-13 LIFE-14 frames that lie in the rings of a hung device end once, indicated or counted, whenever it hangs', () => {
    for (let seed = 1; seed <= 120; seed++) {
      const bench = createBench({ seed });
      const { queueId } = runningQueue(bench, 1);
      bench.put(...frames(1, 0, 30));
      for (let turn = 0; turn < seed % 12; turn++) bench.executor.step();
      bench.hang = true;
      // A device that does not answer is reset in vain; when it does again it has forgotten everything.
      reset(bench);
      bench.hang = false;
      expect(reset(bench)).toBe(SUCCESS);
      bench.receive(...frames(1, 100, 5));
      const { inFlight, receivedFromWire, ends } = bench.machine.ledger.report();
      expect(inFlight, `seed ${seed}`).toBe(0);
      expect(receivedFromWire).toBe(35);
      expect(seen(bench, queueId).slice(-5)).toEqual(range(100, 5));
      // Nobody above counts here: what was indicated is what was not dropped.
      expect(bench.frames.length).toBe(35 - Object.values(ends.dropped).reduce((sum, n) => sum + n, 0));
    }
  });

  it('LIFE-14 sends that the wire has not taken end before the reset does, each frame in one counter', () => {
    const bench = createBench({ wireSlots: 4, miniport: { transmitRingEntries: 8 } });
    const memory = new SendMemory(bench);
    bench.on(0, (path) => path.send(range(0, 12).map((sequence) => memory.frame(frame(9, { sequence })))));
    bench.settle();
    expect(bench.completions.flatMap(({ statuses }) => statuses)).toHaveLength(4);
    expect(reset(bench)).toBe(SUCCESS);
    expect(bench.completions.flatMap(({ statuses }) => statuses)).toEqual([
      ...new Array(4).fill(SUCCESS),
      ...new Array(8).fill('NDIS_STATUS_RESET_IN_PROGRESS'),
    ]);
    expect(bench.machine.ledger.report()).toMatchObject({
      inFlight: 0,
      ends: { transmitted: 4, dropped: { 'miniport.reset': 8 } },
    });
    bench.sent();
    bench.on(0, (path) => path.send([memory.frame(frame(9, { sequence: 100 }))]));
    bench.settle();
    expect(bench.completions.at(-1)?.statuses).toEqual([SUCCESS]);
  });

  it('LIFE-12 a device that hangs: HARD_ERRORS; when it answers again, another reset brings all back', () => {
    const { bench, second } = twoQueues();
    bench.receive(...frames(2, 0, 3));
    bench.hang = true;
    bench.put(...frames(2, 3, 3));
    expect(reset(bench)).toBe('NDIS_STATUS_HARD_ERRORS');
    bench.hang = false;
    bench.settle();
    expect(reset(bench)).toBe(SUCCESS);
    bench.receive(...frames(2, 6, 3));
    expect(seen(bench, second.queueId).slice(-3)).toEqual([6, 7, 8]);
    expect(bench.machine.ledger.report().inFlight).toBe(0);
    expect(bench.violations()).toEqual([]);
  });
});

describe('low power', () => {
  it('LIFE-18 RX-21 the port is off and nothing is indicated; what came before goes up first', () => {
    const { bench, second } = twoQueues();
    bench.put(...frames(2, 0, 20));
    expect(setPower(bench, D3)).toBe(SUCCESS);
    const before = seen(bench, second.queueId).length;
    bench.receive(...frames(2, 20, 5), ...frames(1, 0, 5));
    expect(seen(bench, second.queueId).length).toBe(before);
    expect(bench.adapter.state).toBe('Running');
    expect(bench.registers.read32(REG.VERSION)).toBe(0xffff_ffff);
    expect(setPower(bench, D0)).toBe(SUCCESS);
    bench.receive(...frames(2, 30, 5));
    expect(seen(bench, second.queueId).slice(before)).toEqual(range(30, 5));
    const report = bench.machine.ledger.report();
    expect([report.inFlight, report.ends.dropped['nic.rx-disabled']]).toEqual([0, 30 - before]);
  });

  it('TX-06 sends complete LOW_POWER_STATE at once; those under way leave first', () => {
    const bench = createBench({ wireSlots: 4, miniport: { transmitRingEntries: 8 } });
    const memory = new SendMemory(bench);
    const send = (count: number): void => {
      bench.on(0, (path) =>
        path.send(range(0, count).map((sequence) => memory.frame(frame(9, { sequence })))),
      );
      bench.settle();
    };
    send(6);
    expect(setPower(bench, D3)).toBe(SUCCESS);
    const stuck = ['NDIS_STATUS_LOW_POWER_STATE', 'NDIS_STATUS_LOW_POWER_STATE'];
    expect(bench.completions.flatMap(({ statuses }) => statuses)).toEqual([
      ...new Array(4).fill(SUCCESS),
      ...stuck,
    ]);
    bench.completions.length = 0;
    send(3);
    expect(bench.completions.flatMap(({ statuses }) => statuses)).toEqual([...stuck, stuck[0]]);
    expect(bench.adapter.inspect().outstanding.sends).toBe(0);
    expect(bench.sent()).toHaveLength(4);
    expect(setPower(bench, D0)).toBe(SUCCESS);
    bench.completions.length = 0;
    send(3);
    expect(bench.completions.flatMap(({ statuses }) => statuses)).toEqual(new Array(3).fill(SUCCESS));
  });

  it('LIFE-18 from Running it does not wait for NBLs; they may come back in low power', () => {
    const { bench, first } = twoQueues();
    bench.receive(...frames(1, 0, 32));
    expect(setPower(bench, D2)).toBe(SUCCESS);
    expect(setPower(bench, D3)).toBe(SUCCESS);
    expect(bench.path(0).held).toHaveLength(32);
    bench.on(0, (path) => path.giveBack(path.held));
    bench.settle();
    expect(setPower(bench, D0)).toBe(SUCCESS);
    bench.receive(...frames(1, 32, 32));
    expect(seen(bench, first.queueId)).toEqual(range(0, 64));
  });

  it('LIFE-18 what is set, moved, cleared and freed in low power counts from D0 on', () => {
    const { bench, first, second } = twoQueues({ processors: 3 });
    bench.holding.clear();
    expect(setPower(bench, D3)).toBe(SUCCESS);
    expect(clearFilter(bench, first.queueId, first.filterId)).toBe(SUCCESS);
    expect(free(bench, first.queueId)).toBe(SUCCESS);
    expect(move(bench, second.queueId, 2)).toBe(SUCCESS);
    setFilter(bench, second.queueId, 3, 77);
    const third = runningQueue(bench, 4, 1);
    expect(third.queueId).toBe(first.queueId);
    expect(setPower(bench, D0)).toBe(SUCCESS);
    bench.receive(
      ...frames(1, 0, 2),
      ...frames(2, 10, 2),
      frame(3, { tci: 77, sequence: 20 }),
      ...frames(4, 30, 40),
    );
    expect(seen(bench, second.queueId)).toEqual([10, 11, 20]);
    expect(
      bench.frames.filter(({ queueId }) => queueId === second.queueId).map(({ processor }) => processor),
    ).toEqual([2, 2, 2]);
    expect(seen(bench, third.queueId).slice(0, 32)).toEqual(range(30, 32));
    expect(seen(bench, 0)).toEqual([]); // the first queue’s address is nobody’s now
    expect(bench.violations()).toEqual([]);
  });

  it('LIFE-18 a 6.20 adapter is paused for it, and restarted after', () => {
    const { bench, second } = twoQueues({ miniport: { minorNdisVersion: 20 } });
    expect(setPower(bench, D3)).toBe(SUCCESS);
    expect(bench.adapter.state).toBe('Paused');
    const memory = new SendMemory(bench);
    bench.on(0, (path) => path.send([memory.frame(frame(9))]));
    bench.settle();
    expect(bench.completions.at(-1)?.statuses).toEqual(['NDIS_STATUS_PAUSED']);
    expect(setPower(bench, D0)).toBe(SUCCESS);
    expect(bench.adapter.state).toBe('Running');
    bench.receive(...frames(2, 0, 3));
    expect(seen(bench, second.queueId)).toEqual([0, 1, 2]);
  });

  it('LIFE-11 LIFE-18 an adapter in D3 can be paused and halted, everything released', () => {
    const { bench } = twoQueues();
    expect(setPower(bench, D3)).toBe(SUCCESS);
    expect(statusName(bench.adapter.pause())).toBe(SUCCESS);
    expect(statusName(bench.adapter.halt(2))).toBe(SUCCESS);
    expect(bench.memory.blocks()).toEqual([]);
  });

  it('LIFE-15 LIFE-17 a card can be pulled in D3', () => {
    const { bench, first } = twoQueues();
    bench.receive(...frames(1, 0, 2));
    expect(setPower(bench, D3)).toBe(SUCCESS);
    bench.executor.post('nic', { op: 'remove' });
    bench.executor.publish();
    expect(statusName(bench.adapter.surpriseRemove())).toBe('NDIS_STATUS_PENDING');
    expect(clearFilter(bench, first.queueId, first.filterId)).toBe(SUCCESS);
    expect(free(bench, first.queueId)).toBe(SUCCESS);
    bench.on(0, (path) => path.giveBack(path.held));
    bench.settle();
    expect(statusName(bench.adapter.surpriseRemove())).toBe(SUCCESS);
    expect(bench.memory.blocks()).toEqual([]);
  });

  it('LIFE-18 a device that does not come back: FAILURE, and another try later', () => {
    const { bench, second } = twoQueues();
    expect(setPower(bench, D3)).toBe(SUCCESS);
    bench.hang = true;
    expect(setPower(bench, D0)).toBe('NDIS_STATUS_FAILURE');
    expect(bench.adapter.powerState).toBe(D3);
    bench.hang = false;
    expect(setPower(bench, D0)).toBe(SUCCESS);
    bench.receive(...frames(2, 0, 3));
    expect(seen(bench, second.queueId)).toEqual([0, 1, 2]);
  });
});
