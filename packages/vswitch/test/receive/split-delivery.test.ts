/** Split chains as any miniport may bring them: what may stay with the guest in place, and what is copied instead. */
import {
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_RECEIVE_FLAGS_SINGLE_QUEUE,
  NDIS_RETURN_FLAGS_SINGLE_QUEUE,
} from '@vmq/abi';
import { filteringInfo, ieee8021QFromTci, Mdl, type NetBufferList } from '@vmq/ddi';
import type { MemorySegment } from '@vmq/machine';
import type { SectionLoan } from '@vmq/netvsc';
import { expect, it } from 'vitest';
import { type Bench, type BenchVm, createBench } from '../switch-bench.test-support.ts';

const QUEUE = 5;
const MAC = [0x00, 0x15, 0x5d, 0, 0, 1];
const SECTION = 2112;
const HEADERS_AT = 8 << 20;

interface SplitBench {
  readonly bench: Bench;
  readonly vm: BenchVm;
  readonly guest: MemorySegment;
  readonly loan: SectionLoan;
  /** Whether frames may be left in place from now on. */
  allow(leavesInPlace: boolean): void;
  /** Indicates the chain on a processor and lets the machine rest. */
  indicate(chain: NetBufferList, flags?: number, processor?: number): void;
  /** NBLs returned so far, in calls. */
  returned(): number[];
  /** The guest takes what it has held back. */
  goOn(): void;
}

function splitBench(): SplitBench {
  const bench = createBench({ processors: 2 });
  const vm = bench.addVm({
    name: 'web',
    mac: '00-15-5D-00-00-01',
    receiveSections: 256,
    nic: { processor: 0 },
  });
  bench.settle();
  const loan = vm.control.loan(64 * SECTION);
  if (loan === null) throw new Error('nothing to loan');
  const split: SplitBench = {
    bench,
    vm,
    loan,
    guest: bench.machine.memory.segment(loan.segment),
    allow(leavesInPlace) {
      const { state } = bench.sw.dataImage();
      const ports = state.ports.map((port) => ({ ...port, queueId: QUEUE, leavesInPlace }));
      for (const name of ['processor:0', 'processor:1']) bench.executor.post(name, { ...state, ports });
      bench.executor.publish();
    },
    indicate(chain, flags = NDIS_RECEIVE_FLAGS_SINGLE_QUEUE, processor = 0) {
      let count = 0;
      for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) count++;
      bench.trays[processor]?.path?.receiveNetBufferLists(chain, 0, count, flags);
      bench.executor.runUntilIdle();
    },
    goOn() {
      vm.takes = true;
      bench.machine.board.wake(bench.machine.agent('web'));
      bench.settle();
    },
    returned: () => bench.trays.flatMap((tray) => tray.returned.map(({ count }) => count)),
  };
  split.allow(true);
  return split;
}

interface SplitFrame {
  readonly bytes: readonly number[];
  readonly front: number;
  /** Byte offset of the frame in the guest's memory: where the rest lies, less the front. */
  readonly at: number;
  readonly headerShift?: number;
  readonly vlan?: number;
}

const bytesOf = (length: number, mark: number, to: readonly number[] = MAC): number[] => [
  ...to,
  ...[2, 0, 0, 0, 0, 9],
  ...Array.from({ length: length - 12 }, (_, i) => (i * 7 + mark) & 255),
];

function chainOf({ bench, guest }: SplitBench, frames: readonly SplitFrame[]): NetBufferList {
  const host = bench.machine.memory.host;
  let head: NetBufferList | null = null;
  [...frames].reverse().forEach(({ bytes, front, at, headerShift = 0, vlan = 0 }, i) => {
    const nbl = bench.pool.take() as NetBufferList;
    const nb = nbl.firstNetBuffer;
    const first = HEADERS_AT + i * 256 + headerShift;
    host.u8.set(bytes.slice(0, front), first);
    guest.u8.set(bytes.slice(front), at + front);
    const rest = new Mdl(guest);
    rest.byteOffset = at + front;
    rest.byteCount = bytes.length - front;
    nb.mdl.segment = host;
    nb.mdl.byteOffset = first;
    nb.mdl.byteCount = front;
    nb.mdl.next = rest;
    nb.dataOffset = 0;
    nb.dataLength = bytes.length;
    nbl.filteringInfo = filteringInfo(QUEUE, 0);
    nbl.ieee8021QInfo = ieee8021QFromTci(vlan);
    nbl.next = head;
    head = nbl;
  });
  return head as unknown as NetBufferList;
}

const slot = ({ loan }: SplitBench, n: number): number => loan.offset + n * SECTION + 64;
const copiedOf = ({ bench, vm }: SplitBench): number =>
  bench.sw.inspect().ports.find(({ port }) => port === vm.port)?.counters.bytesCopied ?? -1;
const got = ({ vm }: SplitBench): number[][] => vm.received.map(({ bytes }) => [...bytes]);

it('SW-13 leaves frames in place until the guest is done, then returns their NBLs in one chain of one queue', () => {
  const split = splitBench();
  split.vm.takes = false;
  const frames = [65, 66, 128, 700].map((length, i) => bytesOf(length, i));
  split.indicate(
    chainOf(
      split,
      frames.map((bytes, i) => ({ bytes, front: Math.min(64, bytes.length), at: slot(split, i) })),
    ),
  );
  expect(split.returned()).toEqual([]);
  expect(copiedOf(split)).toBe(4 * 64);
  split.goOn();
  expect(got(split)).toEqual(frames);
  expect(split.returned()).toEqual([4]);
  expect((split.bench.trays[0]?.returned[0]?.flags ?? 0) & NDIS_RETURN_FLAGS_SINGLE_QUEUE).not.toBe(0);
});

it('SW-13 a frame that fits its lookahead buffer is copied and its NBL goes back at once; the order is kept', () => {
  const split = splitBench();
  split.vm.takes = false;
  const lengths = [64, 700, 60, 60, 65, 64, 64, 64, 900, 14, 64];
  const frames = lengths.map((length, i) => bytesOf(length, i));
  for (let round = 0; round < 2; round++) {
    split.indicate(
      chainOf(
        split,
        frames.map((bytes, i) => ({
          bytes,
          front: Math.min(64, bytes.length),
          at: slot(split, 16 * round + i),
        })),
      ),
    );
    // Those of more than 64 bytes wait for the guest.
    expect(split.returned().at(-1)).toBe(8);
  }
  split.goOn();
  expect(got(split)).toEqual([...frames, ...frames]);
  expect(split.returned().at(-1)).toBe(6);
});

it('QUE-32 returns what the guest holds once its queue may leave nothing in place any more', () => {
  const split = splitBench();
  split.vm.takes = false;
  const bytes = bytesOf(700, 1);
  split.indicate(chainOf(split, [{ bytes, front: 64, at: slot(split, 0) }]));
  expect(split.returned()).toEqual([]);
  split.allow(false);
  expect(split.returned()).toEqual([1]);
  split.loan.end();
  split.goOn();
  expect(got(split)).toEqual([bytes]);
  expect(split.returned()).toEqual([1]);
  expect(split.vm.control.report()).toMatchObject({
    outstandingMessages: 0,
    loanedSections: 0,
    freeSections: 256,
  });
});

it.each<[string, (split: SplitBench) => { flags?: number; processor?: number; frame: Partial<SplitFrame> }]>([
  ['another processor polls the channel', () => ({ processor: 1, frame: {} })],
  [
    'RX-14 the miniport wants its NBLs back at once',
    () => ({ flags: NDIS_RECEIVE_FLAGS_SINGLE_QUEUE | NDIS_RECEIVE_FLAGS_RESOURCES, frame: {} }),
  ],
  ['the frame begins elsewhere in its section', (split) => ({ frame: { at: slot(split, 3) + 64 } })],
  [
    'the rest lies in memory that is not loaned',
    (split) => ({ frame: { at: split.loan.offset - 4 * SECTION + 64 } }),
  ],
  ['the lookahead lies at an odd address', () => ({ frame: { headerShift: 3 } })],
  ['the lookahead is shorter than an Ethernet header', () => ({ frame: { front: 8 } })],
])('RX-15 SEC-05 copies a frame whole, in order with the others, if %s', (_, how) => {
  const split = splitBench();
  const { flags, processor, frame } = how(split);
  const one = bytesOf(500, 1);
  const odd = bytesOf(600, 2);
  const two = bytesOf(700, 3);
  const resources = ((flags ?? 0) & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0;
  const all = processor === 1 || resources;
  split.indicate(
    chainOf(split, [
      { bytes: one, front: 64, at: slot(split, 0) },
      { bytes: odd, front: 64, at: slot(split, 3), ...frame },
      { bytes: two, front: 64, at: slot(split, 7) },
    ]),
    flags,
    processor,
  );
  split.bench.settle();
  expect(got(split)).toEqual([one, odd, two]);
  expect(copiedOf(split)).toBe(all ? 1800 : 64 + 600 + 64);
  expect(split.returned().reduce((sum, n) => sum + n, 0)).toBe(resources ? 0 : 3);
  expect(split.vm.control.report().freeSections).toBe(256 - split.loan.sections);
});

it('SEC-02 SEC-07 announces no frame of another address or VLAN, none too long, and returns its NBL', () => {
  const split = splitBench();
  const good = bytesOf(400, 1);
  const chain = chainOf(split, [
    { bytes: bytesOf(400, 2, [0x00, 0x15, 0x5d, 0, 0, 2]), front: 64, at: slot(split, 0) },
    { bytes: bytesOf(400, 3), front: 64, at: slot(split, 1), vlan: 7 },
    { bytes: bytesOf(1600, 4), front: 64, at: slot(split, 2) },
    { bytes: MAC, front: 6, at: slot(split, 3) },
    { bytes: good, front: 64, at: slot(split, 4) },
  ]);
  split.vm.takes = false;
  split.indicate(chain);
  expect(split.returned()).toEqual([4]);
  split.goOn();
  expect(got(split)).toEqual([good]);
  expect(split.returned()).toEqual([4, 1]);
  expect(split.bench.machine.ledger.report().ends).toMatchObject({
    delivered: 1,
    dropped: {
      'vswitch.wrong-destination': 1,
      'vswitch.vlan-mismatch': 1,
      'vmbus.too-long': 1,
      'vswitch.runt': 1,
    },
  });
});

it('SEC-10 never uses a section again that the guest still has: such a frame is copied', () => {
  const split = splitBench();
  split.vm.takes = false;
  const frames = [1, 2].map((mark) => bytesOf(100, mark));
  for (const bytes of frames) split.indicate(chainOf(split, [{ bytes, front: 64, at: slot(split, 0) }]));
  expect(split.returned()).toEqual([1]);
  expect(copiedOf(split)).toBe(64 + 100);
});

it('SEC-10 gets its NBLs back from a guest that breaks its channel under the batch', () => {
  const split = splitBench();
  const { toGuest } = split.vm.control.image();
  // The ring's read index, where the guest says how far it has read: nowhere.
  split.guest.i32[(toGuest.offset >> 2) + 1] = 0x7ffffff0;
  split.indicate(
    chainOf(
      split,
      [0, 1, 2].map((n) => ({ bytes: bytesOf(300, n), front: 64, at: slot(split, n) })),
    ),
  );
  expect(split.vm.control.phase).toBe('broken');
  expect(split.returned()).toEqual([3]);
  expect(split.bench.machine.ledger.report().ends.dropped).toEqual({ 'vmbus.not-open': 3 });
});
