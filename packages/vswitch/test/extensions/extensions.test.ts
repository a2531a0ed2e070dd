import { NDIS_RECEIVE_FLAGS_SINGLE_QUEUE } from '@vmq/abi';
import type { ProcessorServices } from '@vmq/ddi';
import { TRACE_ALL } from '@vmq/machine';
import { expect, test } from 'vitest';
import {
  describeSwitchTrace,
  EXTERNAL_PORT,
  type SwitchExtension,
  type SwitchExtensionDataPath,
  type SwitchExtensionType,
  type SwitchFrames,
} from '../../src/index.ts';
import { type Bench, BROADCAST, createBench, frame } from '../switch-bench.test-support.ts';

const A = '02-00-00-00-00-0A';
const B = '02-00-00-00-00-0B';
const OUT = '02-00-00-00-00-F1';

interface Part {
  readonly name: string;
  readonly type: SwitchExtensionType;
  readonly path: SwitchExtensionDataPath;
}

/** A switch with extensions whose data paths are the given objects. */
function benchWith(parts: readonly Part[], processors = 1): Bench {
  return createBench({
    processors,
    extensions: parts.map(({ name, type }): SwitchExtension => ({ name, type, dataPathFactory: name })),
    extensionPaths: Object.fromEntries(parts.map(({ name, path }) => [name, () => path])),
  });
}

/** Notes each call with the stamps of its frames. */
function recorder(name: string, type: SwitchExtensionType, log: string[]): Part {
  const note =
    (what: string) =>
    (frames: SwitchFrames): void => {
      const stamps = [...frames.index.subarray(0, frames.count)].map((i) => frames.stamp[i]);
      log.push(`${name} ${what} ${stamps.join()}`);
    };
  return {
    name,
    type,
    path: {
      ingress: note('in'),
      egress: note('out'),
      egressComplete: note('out done'),
      ingressComplete: note('in done'),
    },
  };
}

const drops = (bench: Bench): number => bench.machine.ledger.total('dropped.vswitch.extension');

test('SW-26: ingress, policy, egress, delivery, and completion in reverse', () => {
  const log: string[] = [];
  const bench = benchWith([
    recorder('forward', 'forwarding', log),
    recorder('filter', 'filtering', log),
    recorder('capture', 'capturing', log),
  ]);
  const a = bench.addVm({ name: 'a', mac: A });
  bench.receive([{ bytes: frame(A, OUT) }, { bytes: frame(B, OUT) }]);
  expect(log).toEqual([
    'capture in 1,2',
    'filter in 1,2',
    'forward in 1,2',
    // Frame 2 has no destination: it ended in the switch's policy.
    'forward out 1',
    'filter out 1',
    'capture out 1',
    'capture out done 1',
    'filter out done 1',
    'forward out done 1',
    'forward in done 1,2',
    'filter in done 1,2',
    'capture in done 1,2',
  ]);
  bench.settle();
  expect(a.received.length).toBe(1);
  expect(bench.machine.ledger.total('dropped.vswitch.unknown-destination')).toBe(1);
});

test('SW-26: a filtering extension drops on ingress, before learning; those behind it never see the frame', () => {
  const log: string[] = [];
  const dropper: Part = {
    name: 'dropper',
    type: 'filtering',
    path: {
      ingress(frames) {
        for (let k = 0; k < frames.count; k++) {
          const i = frames.index[k];
          if (frames.length[i] === 61) {
            frames.drop(i);
            frames.drop(i);
          }
        }
      },
    },
  };
  const bench = benchWith([
    recorder('before', 'capturing', log),
    dropper,
    recorder('behind', 'forwarding', log),
  ]);
  const a = bench.addVm({ name: 'a', mac: A });
  const kept = frame(A, OUT);
  bench.receive([{ bytes: frame(A, '02-00-00-00-00-F2', 61) }, { bytes: kept }]);
  a.send({ bytes: frame(OUT, A, 61), tci: 0 }, { bytes: frame(OUT, A, 62), tci: 0 });
  bench.settle();
  expect(a.received).toEqual([{ bytes: kept, tci: 0 }]);
  expect(bench.sent.map(({ bytes }) => bytes.length)).toEqual([62]);
  expect(drops(bench)).toBe(2);
  expect(bench.sw.inspect().learned.map(({ macAddress }) => macAddress)).toEqual([OUT]);
  expect(log.filter((line) => line.startsWith('behind in ')).map((line) => line.split(',').length)).toEqual([
    1, 1, 1, 1,
  ]);
  expect(log.filter((line) => line.startsWith('before in done'))[0]).toBe('before in done 1,2');
  expect(bench.sw.inspect().extensions.map(({ name, counters }) => [name, counters.dropped])).toEqual([
    ['before', 0],
    ['dropper', 2],
    ['behind', 0],
  ]);
  expect(bench.sw.inspect().outstandingSends).toBe(0);
  const { ends } = bench.machine.ledger.report();
  expect(ends).toEqual({ delivered: 1, transmitted: 0, dropped: { 'vswitch.extension': 2 } });
});

test('SW-26: destinations are known on egress; a frame that loses the last one is dropped, once', () => {
  const seen: [number, number][] = [];
  let excludedPort = -1;
  const bench = benchWith([
    {
      name: 'wall',
      type: 'filtering',
      path: {
        egress(frames) {
          for (let d = 0; d < frames.deliveries; d++) {
            const port = frames.deliveryPort[d];
            seen.push([frames.source[frames.deliveryFrame[d]], port]);
            if (port === excludedPort) frames.exclude(d);
          }
        },
      },
    },
  ]);
  const a = bench.addVm({ name: 'a', mac: A });
  const b = bench.addVm({ name: 'b', mac: B });
  a.send({ bytes: frame(BROADCAST, A), tci: 0 });
  bench.settle();
  expect(seen).toEqual([
    [a.port, b.port],
    [a.port, EXTERNAL_PORT],
  ]);
  expect([b.received.length, bench.sent.length]).toEqual([1, 1]);

  // Without the wire the frame's end is the delivery to B.
  excludedPort = EXTERNAL_PORT;
  a.send({ bytes: frame(BROADCAST, A), tci: 0 });
  bench.settle();
  expect([b.received.length, bench.sent.length, drops(bench)]).toEqual([2, 1, 0]);
  a.send({ bytes: frame(OUT, A), tci: 0 });
  bench.settle();
  expect([bench.sent.length, drops(bench)]).toEqual([1, 1]);

  excludedPort = b.port;
  bench.receive([{ bytes: frame(B, OUT) }, { bytes: frame(BROADCAST, OUT) }]);
  bench.settle();
  expect([a.received.length, b.received.length, drops(bench)]).toEqual([1, 2, 2]);
  const { extensions, ports } = bench.sw.inspect();
  expect(extensions[0]?.counters).toMatchObject({ dropped: 0, excluded: 4, ignored: 0 });
  expect(ports.find(({ port }) => port === b.port)?.counters.droppedToGuest).toBe(2);
  expect(bench.machine.ledger.report()).toMatchObject({
    ends: { delivered: 2, dropped: { 'vswitch.extension': 2 } },
    copies: 1,
  });
});

test('SW-26: a capturing extension can neither drop nor exclude', () => {
  const bench = benchWith([
    {
      name: 'capture',
      type: 'capturing',
      path: {
        ingress: (frames) => frames.drop(frames.index[0]),
        egress: (frames) => frames.exclude(0),
      },
    },
  ]);
  const a = bench.addVm({ name: 'a', mac: A });
  bench.receive([{ bytes: frame(A, OUT) }]);
  bench.settle();
  expect([a.received.length, drops(bench)]).toEqual([1, 0]);
  expect(bench.sw.inspect().extensions[0]?.counters).toMatchObject({ dropped: 0, excluded: 0, ignored: 2 });
});

test('SW-10 SW-26: with extensions a VM queue’s frames still go to its port only after the checks of SEC-07', () => {
  const log: string[] = [];
  const bench = benchWith([recorder('capture', 'capturing', log)]);
  const a = bench.addVm({ name: 'a', mac: A });
  const b = bench.addVm({ name: 'b', mac: B });
  // The switch has no adapter here, so the test says which queue is whose.
  const state = bench.sw.dataImage().state;
  const ports = state.ports.map((port) => (port.port === a.port ? { ...port, queueId: 5 } : port));
  bench.trays[0]?.path?.receiveMessage({ ...state, ports });
  const good = frame(A, OUT);
  bench.receive(
    [
      { bytes: good, queueId: 5 },
      { bytes: frame(B, OUT), queueId: 5 },
      { bytes: frame(A, OUT), queueId: 5, tci: 9 },
    ],
    NDIS_RECEIVE_FLAGS_SINGLE_QUEUE,
  );
  bench.settle();
  expect(a.received).toEqual([{ bytes: good, tci: 0 }]);
  expect(b.received).toEqual([]);
  const { ends } = bench.machine.ledger.report();
  expect(ends.dropped).toEqual({ 'vswitch.wrong-destination': 1, 'vswitch.vlan-mismatch': 1 });
  expect(bench.pool.available).toBe(512);
});

test('SEC-09: data in VM memory is marked, and is copied before anybody parses it', () => {
  const seen: unknown[] = [];
  let copy = false;
  const bench = benchWith([
    {
      name: 'look',
      type: 'filtering',
      path: {
        ingress(frames) {
          for (let k = 0; k < frames.count; k++) {
            const i = frames.index[k];
            const before = [frames.isPacketDataSafe[i], frames.safePacketDataSize[i]];
            if (copy) frames.copyPacketData(i);
            seen.push([before, [frames.isPacketDataSafe[i], frames.safePacketDataSize[i]]]);
          }
        },
        egress(frames) {
          seen.push(frames.isPacketDataSafe[frames.index[0]]);
        },
      },
    },
  ]);
  const a = bench.addVm({ name: 'a', mac: A });
  const memory = bench.machine.memory;
  const guest = memory.segments.find(({ name }) => name === 'a') as (typeof memory.segments)[0];
  const bytes = frame(A, OUT, 100);
  /** Indicates the frame: `lookahead` bytes in host memory, the rest in the guest's. */
  const indicate = (lookahead: number): void => {
    const nbl = bench.pool.take();
    if (nbl === null) throw new Error('no NBL');
    const nb = nbl.firstNetBuffer;
    const rest = new (nb.mdl.constructor as new (segment: typeof guest) => typeof nb.mdl)(guest);
    rest.byteOffset = guest.byteLength - 4096;
    rest.byteCount = bytes.length - lookahead;
    guest.u8.set(bytes.slice(lookahead), rest.byteOffset);
    const [head, own] = [nb.mdl, nb.mdl.byteOffset];
    head.byteCount = lookahead;
    memory.host.u8.set(bytes.slice(0, lookahead), own);
    head.next = rest;
    nb.mdl = lookahead === 0 ? rest : head;
    nb.dataOffset = 0;
    nb.dataLength = bytes.length;
    nbl.filteringInfo = nbl.ieee8021QInfo = 0;
    bench.trays[0]?.path?.receiveNetBufferLists(nbl, 0, 1, 0);
    head.next = null;
    nb.mdl = head;
    bench.settle();
  };
  indicate(64);
  copy = true;
  indicate(64);
  indicate(0);
  bench.receive([{ bytes }]);
  expect(seen).toEqual([
    [
      [0, 64],
      [0, 64],
    ],
    1,
    [
      [0, 64],
      [1, 100],
    ],
    1,
    [
      [0, 0],
      [1, 100],
    ],
    1,
    [
      [1, 100],
      [1, 100],
    ],
    1,
  ]);
  bench.settle();
  expect(a.received).toEqual(new Array(4).fill({ bytes, tci: 0 }));
});

test('a full batch is shown in pieces, and every flooded copy passes egress', () => {
  const counts: number[] = [];
  let deliveries = 0;
  const bench = benchWith([
    {
      name: 'count',
      type: 'forwarding',
      path: {
        ingress: (frames) => counts.push(frames.count),
        egress(frames) {
          deliveries += frames.deliveries;
        },
      },
    },
  ]);
  for (let n = 0; n < 3; n++) {
    bench.addVm({ name: `v${n}`, mac: `02-00-00-00-01-0${n}`, receiveSections: 512 });
  }
  bench.receive(Array.from({ length: 300 }, () => ({ bytes: frame(BROADCAST, OUT) })));
  bench.settle();
  expect(counts).toEqual([256, 44]);
  expect(deliveries).toBe(900);
  expect(bench.machine.ledger.report()).toMatchObject({ ends: { delivered: 300 }, copies: 600 });
});

test('each processor makes data paths of its own, with the image the extension gives', () => {
  const made: [number, unknown][] = [];
  createBench({
    processors: 2,
    extensions: [{ name: 'x', type: 'filtering', dataPathFactory: 'x', dataPathImage: { answer: 42 } }],
    extensionPaths: {
      x(_context, processor: ProcessorServices, image) {
        made.push([processor.index, image]);
        return {};
      },
    },
  });
  expect(made.sort(([x], [y]) => x - y)).toEqual([
    [0, { answer: 42 }],
    [1, { answer: 42 }],
  ]);
  expect(() =>
    createBench({ extensions: [{ name: 'x', type: 'filtering', dataPathFactory: 'nowhere' }] }),
  ).toThrow(/no switch-extension data-path factory 'nowhere'; there are: none/);
});

test('the trace says which extension ended a frame', () => {
  const bench = benchWith([
    {
      name: 'no',
      type: 'filtering',
      path: {
        ingress(frames) {
          const i = frames.index[0];
          if (frames.length[i] === 61) frames.drop(i);
        },
        egress: (frames) => frames.exclude(0),
      },
    },
  ]);
  bench.addVm({ name: 'a', mac: A });
  bench.trace.setLevel(TRACE_ALL);
  bench.executor.publish();
  const [dropped, excluded] = [
    bench.receive([{ bytes: frame(A, OUT, 61) }]),
    bench.receive([{ bytes: frame(A, OUT, 62) }]),
  ].flat();
  const lines = bench.trace.drain().map((record) => [record.stamp, describeSwitchTrace(record)] as const);
  expect(lines).toContainEqual([dropped, 'extension 0 dropped it on ingress from external port']);
  expect(lines).toContainEqual([excluded, 'extension 0 took away its destination port 1']);
  expect(lines.filter(([, line]) => line?.startsWith('dropped.vswitch.extension')).length).toBe(2);
});
