import fc from 'fast-check';
import { expect, test } from 'vitest';
import { explainClassification } from '../../src/filter/explain.ts';
import { NIC_BATCH } from '../../src/receive/receive-unit.ts';
import {
  RXC_BROADCAST,
  RXC_DD,
  RXC_IPCS_BAD,
  RXC_IPCS_OK,
  RXC_L4CS_BAD,
  RXC_L4CS_OK,
  RXC_MULTICAST,
  RXC_SPLIT,
  VERDICT_ETHERTYPE_SHIFT,
} from '../../src/registers/descriptors.ts';
import { nicProfile } from '../../src/registers/profiles.ts';
import {
  CTRL_RXEN,
  CTRL_TXEN,
  FLTVLAN_ANY,
  QSTS_ENABLED,
  QSTS_ERROR,
  QSTS_STARVED,
  RCTL_BAM,
  RCTL_MPE,
  REG,
  RX_QUEUE_STRIDE,
  RXCTL_CSUMEN,
  RXCTL_ENABLE,
  RXCTL_HEADER_SHIFT,
  RXCTL_SPLIT,
} from '../../src/registers/register-constants.ts';
import { Bench, frameTo, macOf } from '../bench.test-support.ts';
import { DROPPING, dropped, MAC, oneQueue, untag } from '../one-queue.test-support.ts';

test('a frame for a filter reaches the queue with length, slot, stamp; the counters say so', () => {
  const [bench, queue] = oneQueue();
  const frame = frameTo(MAC, 100);
  bench.send(frameTo(macOf(2), 100), frame);
  expect(queue.take()).toEqual([
    {
      queue: 1,
      slot: 4,
      stamp: 2,
      tci: 0,
      status: RXC_DD,
      bytes: frame,
      verdict: 1 | (0x88b5 << VERDICT_ETHERTYPE_SHIFT),
      headerBytes: 0,
    },
  ]);
  expect(dropped(bench)).toEqual({ 'nic.no-match': 1 });
  expect(bench.statistic(REG.GPRC)).toBe(1);
  expect(bench.statistic(REG.GORC)).toBe(100);
  expect(bench.statistic(REG.NOMATCH)).toBe(1);
  expect(bench.statistic(REG.RXPKTLO + RX_QUEUE_STRIDE)).toBe(1);
  expect(bench.statistic(REG.RXBYTLO + RX_QUEUE_STRIDE)).toBe(100);
  expect(bench.registers.read32(REG.RDH + RX_QUEUE_STRIDE)).toBe(1);
  expect(bench.registers.read32(REG.RXSTAMP)).toBe(2);
});

test.each([0, 4])(
  'SEC-08 every length, tagged or not, at every buffer alignment, %i bytes behind a 64-byte boundary of the wire: exactly the frame is written',
  (place) => {
    const [bench, queue] = oneQueue();
    const { host } = bench;
    const lengths = [...Array.from({ length: 130 }, (_, i) => 14 + i), 511, 512, 1500, 1513, 1514];
    for (const shift of [0, 1, 2, 3, 4, 8, 12]) {
      for (const tci of [-1, 0x2064]) {
        for (const length of lengths) {
          const wireLength = length + (tci < 0 ? 0 : 4);
          const index = queue.consumed & (queue.size - 1);
          host.i32[(queue.ring >> 2) + index * 4] = queue.bufferOf(queue.consumed) + shift;
          const buffer = queue.bufferOf(queue.consumed);
          host.u8.fill(0xee, buffer, buffer + 2112);
          bench.wire.u8.fill(0x55, bench.wire.dataStart, bench.wire.dataStart + 4096); // others' bytes
          const frame = frameTo(MAC, wireLength, tci, length);
          bench.offer(frame, place);
          bench.send();
          expect(queue.waiting).toBe(1);
          const expected = new Uint8Array(2112).fill(0xee);
          expected.set(tci < 0 ? frame : untag(frame), shift);
          expect(Buffer.compare(host.u8.subarray(buffer, buffer + 2112), expected)).toBe(0);
          queue.take();
        }
      }
    }
  },
);

test('RX-11 rings wrap for thousands of frames; order and bytes are kept per queue', () => {
  const bench = new Bench({ wireSlots: 128, wireBytes: 1 << 16 });
  const queues = [1, 2, 3].map((n) => bench.queue(n, 16));
  queues.forEach((queue, n) => {
    queue.enable();
    bench.filter(n, macOf(n + 1), FLTVLAN_ANY, 0, n + 1);
  });
  bench.configure();
  const sent: Uint8Array[][] = [[], [], []];
  const got: Uint8Array[][] = [[], [], []];
  for (let i = 0; i < 5000; i++) {
    const n = (i * 7 + (i >> 3)) % 3;
    const frame = frameTo(macOf(n + 1), 60 + (i % 90), i % 4 === 0 ? i & 0xfff : -1, i);
    bench.offer(frame);
    sent[n]?.push(i % 4 === 0 ? untag(frame) : frame);
    if (i % 10 === 9) {
      bench.wire.publish();
      bench.wake();
      bench.executor.runUntilIdle();
      queues.forEach((queue, k) => {
        for (const { bytes } of queue.take()) got[k]?.push(bytes);
      });
    }
  }
  expect(got).toEqual(sent);
  expect(dropped(bench)).toEqual({});
});

test('a batch has at most NIC_BATCH frames, and the device goes on by itself', () => {
  const [bench, queue] = oneQueue(1024);
  const frames = NIC_BATCH + 8;
  for (let i = 0; i < frames; i++) expect(bench.offer(frameTo(MAC, 60, -1, i))).toBe(true);
  bench.wire.publish();
  bench.wake();
  const heads = new Set<number>();
  while (bench.executor.step()) heads.add(queue.waiting);
  expect([...heads].filter((n) => n > 0)).toEqual([NIC_BATCH, frames]);
});

test('runt, oversize, empty frames and cut-off tags end in their counters', () => {
  const [bench, queue] = oneQueue();
  bench.send(new Uint8Array(0), frameTo(MAC, 13), frameTo(MAC, 14), frameTo(MAC, 17, 5), frameTo(MAC, 18, 5));
  expect(queue.take().map(({ bytes }) => bytes.length)).toEqual([14, 14]);
  bench.send(frameTo(MAC, 1514), frameTo(MAC, 1515), frameTo(MAC, 1518, 5), frameTo(MAC, 1519, 5));
  expect(queue.take().map(({ bytes }) => bytes.length)).toEqual([1514, 1514]);
  expect(dropped(bench)).toEqual({ 'nic.runt': 3, 'nic.oversize': 2 });
  expect([bench.statistic(REG.RUNT), bench.statistic(REG.OVERSIZE)]).toEqual([3, 2]);
});

/** The frame with tags of these types behind its addresses. */
const withTags = (frame: Uint8Array, ...types: readonly number[]): Uint8Array => {
  const tags = types.flatMap((type) => [type >> 8, type & 0xff, 0, 5]);
  return Uint8Array.from([...frame.subarray(0, 12), ...tags, ...frame.subarray(12)]);
};

test('SW-28: neither of two tags counts against MFS, whichever kind they are of; a third one does', () => {
  const [bench, queue] = oneQueue();
  const kinds = [[0x8100], [0x88a8], [0x8100, 0x8100], [0x88a8, 0x8100], [0x8100, 0x88a8]];
  const good = kinds.map((types) => withTags(frameTo(MAC, 1514), ...types));
  const more = kinds.map((types) => withTags(frameTo(MAC, 1515), ...types));
  const third = kinds
    .filter(({ length }) => length === 2)
    .map((types) => withTags(frameTo(MAC, 1514), ...types, 0x8100));
  for (const frame of [...good, ...more, ...third]) {
    const drop = good.includes(frame) ? null : 'dropped.nic.oversize';
    expect(explainClassification(bench.bar, bench.profile, frame).drop).toBe(drop);
  }
  bench.send(...good, ...more, ...third);
  // The card takes the outer tag out, if it is a customer's.
  const taken = good.map((frame) => (frame[12] === 0x81 ? frame.length - 4 : frame.length));
  expect(queue.take().map(({ bytes }) => bytes.length)).toEqual(taken);
  expect(dropped(bench)).toEqual({ 'nic.oversize': more.length + third.length });
});

test('MFS allows jumbo frames, up to what the profile can', () => {
  const [bench, queue] = oneQueue();
  bench.registers.write32(REG.MFS, 0xffff_ffff);
  bench.registers.write32(REG.RXBUF + RX_QUEUE_STRIDE, 0xffff);
  bench.configure();
  bench.send(frameTo(MAC, 9216), frameTo(MAC, 9217));
  expect(queue.waiting).toBe(1);
  expect(dropped(bench)).toEqual({ 'nic.oversize': 1 });
});

test('CTRL.RXEN off: frames are dropped, bad lengths still counted as such', () => {
  const [bench, queue] = oneQueue();
  bench.registers.write32(REG.CTRL, CTRL_TXEN);
  bench.send(frameTo(MAC, 64), frameTo(MAC, 3));
  bench.registers.write32(REG.CTRL, CTRL_TXEN | CTRL_RXEN);
  bench.send(frameTo(MAC, 64));
  expect(queue.take().map(({ stamp }) => stamp)).toEqual([3]);
  expect(dropped(bench)).toEqual({ 'nic.rx-disabled': 1, 'nic.runt': 1 });
});

test('link down: frames are lost and counted; link up: they come again', () => {
  const [bench, queue] = oneQueue();
  bench.executor.post('nic', { op: 'link', up: false });
  bench.executor.publish();
  bench.send(frameTo(MAC, 64));
  expect(bench.registers.read32(REG.STATUS) & 1).toBe(0);
  bench.executor.post('nic', { op: 'link', up: true });
  bench.executor.publish();
  bench.send(frameTo(MAC, 64));
  expect(bench.registers.read32(REG.STATUS) & 1).toBe(1);
  expect(queue.waiting).toBe(1);
  expect(dropped(bench)).toEqual({ 'nic.link-down': 1 });
});

test('a default queue that is not enabled: queue-stopped', () => {
  const [bench] = oneQueue();
  bench.registers.write32(REG.RCTL, RCTL_BAM);
  bench.configure();
  bench.send(frameTo([255, 255, 255, 255, 255, 255], 64));
  expect(dropped(bench)).toEqual({ 'nic.queue-stopped': 1 });
});

test('multicast and broadcast are marked', () => {
  const [bench] = oneQueue();
  const queue = bench.queue(0);
  queue.enable();
  bench.registers.write32(REG.RCTL, RCTL_BAM | RCTL_MPE);
  bench.configure();
  bench.send(frameTo([255, 255, 255, 255, 255, 255], 64, 9), frameTo([0x33, 0x33, 0, 0, 0, 1], 64));
  expect(queue.take().map(({ status }) => status & (RXC_BROADCAST | RXC_MULTICAST))).toEqual([
    RXC_BROADCAST,
    RXC_MULTICAST,
  ]);
});

test('RX-18 DROPEN: a queue without descriptors drops its own frames, others are unaffected', () => {
  const [bench, queue] = oneQueue(64, 3);
  const other = bench.queue(2);
  other.enable();
  bench.filter(5, macOf(2), FLTVLAN_ANY, 0, 2);
  bench.configure();
  for (let i = 0; i < 10; i++) bench.offer(frameTo(i % 2 ? macOf(2) : MAC, 64, -1, i));
  bench.send();
  expect([queue.waiting, other.waiting]).toEqual([3, 5]);
  expect(dropped(bench)).toEqual({ 'nic.no-descriptor': 2 });
  expect(bench.registers.read32(REG.RXDROP + RX_QUEUE_STRIDE)).toBe(2);
  expect(bench.statistic(REG.NODESC)).toBe(2);
});

test('without DROPEN the port waits, loses nothing, and goes on when descriptors come', () => {
  const [bench, queue] = oneQueue(64, 3, RXCTL_ENABLE);
  const other = bench.queue(2);
  other.enable();
  bench.filter(5, macOf(2), FLTVLAN_ANY, 0, 2);
  bench.configure();
  for (let i = 0; i < 8; i++) bench.offer(frameTo(i < 5 ? MAC : macOf(2), 64, -1, i));
  bench.send();
  expect([queue.waiting, other.waiting]).toEqual([3, 0]);
  expect(bench.registers.read32(REG.RXSTS + RX_QUEUE_STRIDE)).toBe(QSTS_ENABLED | QSTS_STARVED);
  expect(bench.machine.ledger.report().received).toBe(3); // the rest is still on the wire
  queue.post(1);
  bench.executor.runUntilIdle();
  expect(queue.waiting).toBe(4);
  expect(bench.registers.read32(REG.RXSTS + RX_QUEUE_STRIDE)).toBe(QSTS_ENABLED | QSTS_STARVED);
  queue.post(4);
  bench.executor.runUntilIdle();
  expect(queue.take().map(({ stamp }) => stamp)).toEqual([1, 2, 3, 4, 5]);
  expect(other.waiting).toBe(3);
  expect(bench.registers.read32(REG.RXSTS + RX_QUEUE_STRIDE)).toBe(QSTS_ENABLED);
  expect(dropped(bench)).toEqual({});
});

test('a port waiting for a queue goes on when that queue is disabled', () => {
  const [bench, queue] = oneQueue(64, 0, RXCTL_ENABLE);
  bench.send(frameTo(MAC, 64), frameTo(MAC, 64));
  queue.disable();
  bench.configure();
  bench.executor.runUntilIdle();
  expect(dropped(bench)).toEqual({ 'nic.no-match': 2 });
  expect(bench.registers.read32(REG.RXSTS + RX_QUEUE_STRIDE)).toBe(0);
});

test('a frame that does not fit is dropped; not a byte beyond the buffer, the descriptor stays', () => {
  const [bench, queue] = oneQueue();
  bench.registers.write32(REG.RXBUF + RX_QUEUE_STRIDE, 100);
  bench.configure();
  bench.host.u8.fill(0xee, queue.buffers, queue.buffers + 4224);
  bench.send(frameTo(MAC, 101), frameTo(MAC, 100));
  expect(queue.take().map(({ stamp }) => stamp)).toEqual([2]);
  expect(bench.host.u8.subarray(queue.buffers + 100, queue.buffers + 4224).every((b) => b === 0xee)).toBe(
    true,
  );
  expect(dropped(bench)).toEqual({ 'nic.buffer-too-small': 1 });
  expect(bench.registers.read32(REG.RXSMALL + RX_QUEUE_STRIDE)).toBe(1);
});

test.each([
  [64, 0],
  [64, 4],
  [100, 4], // no multiple of 8
  [128, 4],
])(
  'RX-10 split after %i bytes, %i bytes behind a boundary of the wire: the first to the header buffer, the rest at the same offset of the packet buffer',
  (size, place) => {
    for (const tci of [-1, 0x64]) {
      const [bench, queue] = oneQueue(64, 64, DROPPING | RXCTL_SPLIT | (size << RXCTL_HEADER_SHIFT));
      const lengths = [...Array.from({ length: 160 }, (_, i) => 56 + i), 511, 512, 1500, 1513, 1514];
      for (const length of lengths) {
        const index = queue.consumed & 63;
        const buffer = queue.bufferOf(queue.consumed);
        const header = queue.headers + index * 256;
        bench.host.u8.fill(0xee, buffer, buffer + 2112);
        bench.host.u8.fill(0xdd, header, header + 256);
        const wire = frameTo(MAC, length + (tci < 0 ? 0 : 4), tci, length);
        const frame = tci < 0 ? wire : untag(wire);
        bench.offer(wire, place);
        bench.send();
        const [got] = queue.take();
        expect((got?.status ?? 0) & RXC_SPLIT).toBe(RXC_SPLIT);
        const first = Math.min(length, size);
        expect(bench.host.u8.slice(header, header + first)).toEqual(frame.subarray(0, first));
        expect(bench.host.u8.subarray(header + first, header + 256).every((b) => b === 0xdd)).toBe(true);
        expect(bench.host.u8.subarray(buffer, buffer + size).every((b) => b === 0xee)).toBe(true);
        expect(bench.host.u8.slice(buffer + size, buffer + Math.max(size, length))).toEqual(
          frame.subarray(size),
        );
        expect(
          bench.host.u8.subarray(buffer + Math.max(size, length), buffer + 2112).every((b) => b === 0xee),
        ).toBe(true);
      }
    }
  },
);

test.each([
  ['outside the domain', 0, 0x7fff_0000],
  ['in a segment that is none', 1, 77],
])('SEC-03 split: a rest %s is a DMA fault, and nothing of its frame is written', (_, word, value) => {
  const [bench, queue] = oneQueue(64, 64, DROPPING | RXCTL_SPLIT | (64 << RXCTL_HEADER_SHIFT));
  const { host } = bench;
  host.i32[(queue.ring >> 2) + 4 + word] = value; // of the second descriptor
  host.u8.fill(0xdd, queue.headers, queue.headers + 4 * 256);
  // A descriptor that faults is used again: it is that of all frames after the first.
  bench.send(...[1, 2, 3].map((n) => frameTo(MAC, 400, -1, n)));
  expect(dropped(bench)).toEqual({ 'nic.dma-fault': 2 });
  expect(queue.waiting).toBe(1);
  expect(host.u8.subarray(queue.headers + 256, queue.headers + 1024).every((b) => b === 0xdd)).toBe(true);
});

test('enabling is refused with ERROR where it cannot work', () => {
  const refusals: readonly (readonly [keyof typeof REG, number])[] = [
    ['RDLEN', 0],
    ['RDLEN', 48],
    ['RDLEN', 65_536],
    ['RDBASE', 0], // not granted
    ['RDBASE', 4104], // not a multiple of 16
    ['RDSEG', 1],
    ['RCBASE', 0x7fff_f000],
    ['RCSEG', 3],
    ['RSBASE', 2],
    ['RXCTL', DROPPING | RXCTL_SPLIT], // header size 0
    ['RXCTL', DROPPING | RXCTL_SPLIT | (0xfff0 << RXCTL_HEADER_SHIFT)],
  ];
  for (const [register, value] of refusals) {
    const bench = new Bench();
    const queue = bench.queue(1);
    queue.enable();
    bench.registers.write32(queue.register(register), value);
    bench.configure();
    expect([register, value, bench.registers.read32(queue.register('RXSTS'))]).toEqual([
      register,
      value,
      QSTS_ERROR,
    ]);
    queue.enable();
    bench.configure();
    expect(bench.registers.read32(queue.register('RXSTS'))).toBe(QSTS_ENABLED);
  }
});

test('a profile without header split refuses it', () => {
  const bench = new Bench({ profile: nicProfile('82599') });
  const queue = bench.queue(1);
  queue.enable(8, DROPPING | RXCTL_SPLIT | (64 << RXCTL_HEADER_SHIFT));
  bench.configure();
  expect(bench.registers.read32(queue.register('RXSTS'))).toBe(QSTS_ERROR);
});

test('a queue enabled again starts at zero', () => {
  const [bench, queue] = oneQueue();
  bench.send(frameTo(MAC, 64), frameTo(MAC, 64));
  queue.disable();
  bench.configure();
  expect(bench.registers.read32(queue.register('RXSTS'))).toBe(0);
  queue.enable();
  bench.configure();
  expect(queue.waiting).toBe(0);
  bench.send(frameTo(MAC, 64));
  expect(queue.take().map(({ stamp }) => stamp)).toEqual([3]);
});

test('a tail beyond the ring is taken as a full ring: nothing outside the buffers is written', () => {
  const [bench, queue] = oneQueue(16);
  const behind = bench.allocate(4096);
  bench.registers.write32(queue.register('RDT'), 5000);
  for (let i = 0; i < 40; i++) bench.offer(frameTo(MAC, 64));
  bench.send();
  expect(queue.waiting).toBe(40);
  expect(bench.host.u8.subarray(behind, behind + 4096).every((b) => b === 0)).toBe(true);
  expect(bench.machine.ledger.report().received).toBe(40);
});

function sum16(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** An IPv4/UDP frame with right checksums. */
function udpFrame(payload: number): Uint8Array {
  const frame = frameTo(MAC, 14 + 20 + 8 + payload);
  const udpLength = 8 + payload;
  frame.set(
    [0x08, 0x00, 0x45, 0, (20 + udpLength) >> 8, (20 + udpLength) & 255, 0, 1, 0x40, 0, 64, 17, 0, 0],
    12,
  );
  frame.set([10, 0, 0, 1, 10, 0, 0, 2, 0x12, 0x34, 0, 53, udpLength >> 8, udpLength & 255, 0, 0], 26);
  const ip = sum16(frame.subarray(14, 34));
  frame.set([ip >> 8, ip & 255], 24);
  const pseudo = Uint8Array.from([
    ...frame.subarray(26, 34),
    0,
    17,
    udpLength >> 8,
    udpLength & 255,
    ...frame.subarray(34),
  ]);
  const udp = sum16(pseudo) || 0xffff;
  frame.set([udp >> 8, udp & 255], 40);
  return frame;
}

test('checksums are validated only with CSUMEN', () => {
  const bits = RXC_IPCS_OK | RXC_IPCS_BAD | RXC_L4CS_OK | RXC_L4CS_BAD;
  const status = (control: number, frame: Uint8Array): number => {
    const [bench, queue] = oneQueue(16, 16, control);
    bench.send(frame);
    return (queue.take()[0]?.status ?? 0) & bits;
  };
  const badIp = udpFrame(31);
  badIp[24] = badIp[24] ^ 1;
  const badUdp = udpFrame(31);
  badUdp[60] = badUdp[60] ^ 1;
  const good = udpFrame(31);
  const tagged = Uint8Array.from([...good.subarray(0, 12), 0x81, 0, 0, 9, ...good.subarray(12)]);
  expect(status(DROPPING, good)).toBe(0);
  expect(status(DROPPING | RXCTL_CSUMEN, good)).toBe(RXC_IPCS_OK | RXC_L4CS_OK);
  expect(status(DROPPING | RXCTL_CSUMEN, udpFrame(18))).toBe(RXC_IPCS_OK | RXC_L4CS_OK);
  expect(status(DROPPING | RXCTL_CSUMEN, tagged)).toBe(RXC_IPCS_OK | RXC_L4CS_OK);
  expect(status(DROPPING | RXCTL_CSUMEN, badIp)).toBe(RXC_IPCS_BAD);
  expect(status(DROPPING | RXCTL_CSUMEN, badUdp)).toBe(RXC_IPCS_OK | RXC_L4CS_BAD);
  expect(status(DROPPING | RXCTL_CSUMEN, frameTo(MAC, 64))).toBe(0);
});

test('property: received = delivered into memory + every drop, whatever arrives', () => {
  const frame = fc.record({
    mac: fc.nat(4),
    length: fc.oneof(fc.nat(80), fc.integer({ min: 1500, max: 1530 })),
    tci: fc.integer({ min: -1, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 120 }), fc.nat(20), fc.boolean(), (frames, post, granted) => {
      const [bench, queue] = oneQueue(32, post);
      const other = bench.queue(2, 32);
      other.enable(10);
      bench.filter(5, macOf(2), FLTVLAN_ANY, 0, 2);
      bench.registers.write32(other.register('RXBUF'), 70);
      bench.configure();
      if (!granted) bench.domain.setRights(0, queue.buffers & ~4095, 8192, 0);
      for (const { mac, length, tci } of frames) bench.offer(frameTo(macOf(mac), length, tci));
      bench.send();
      const report = bench.machine.ledger.report();
      const written = queue.waiting + other.waiting;
      const drops = Object.values(report.ends.dropped).reduce((a, b) => a + b, 0);
      expect(report.received).toBe(frames.length);
      expect(written + drops).toBe(frames.length);
      expect(bench.statistic(REG.GPRC)).toBe(written);
      expect(bench.registers.read32(REG.RXSTAMP)).toBe(frames.length);
    }),
    { numRuns: 40 },
  );
});
