import { createFrameRing, createRandom, FrameProducer } from '@vmq/machine';
import { writeEthernetHeader } from '@vmq/wire';
import { describe, expect, test } from 'vitest';
import { createGuestRecordReader } from '../src/observe/record.ts';
import { ping4 } from './guest-frames.test-support.ts';
import { createRig, type Frame, MAC, PEER, untagged } from './guest-rig.test-support.ts';

describe('sink and record', () => {
  test('SW-11 the record holds what the VM has in its memory, in order, with tags', () => {
    const record = createFrameRing(64, 1 << 16);
    const rig = createRig({ record });
    const frames = Array.from({ length: 40 }, (_, i) => ({
      bytes: Uint8Array.from({ length: 60 + i * 17 }, (_, b) => (b * 3 + i) & 0xff),
      tci: i % 4 === 0 ? 0x2000 | i : 0,
    }));
    rig.deliver(frames);
    rig.run();
    const read = createGuestRecordReader(rig.machine, 'vm:a', record).read();
    expect(read).toEqual(frames.map(({ bytes, tci }, i) => ({ bytes, tci, number: i + 1 })));
  });

  test('a full record keeps sections and loses nothing', () => {
    const record = createFrameRing(4, 4 * 2048);
    const rig = createRig({ record });
    const frames = Array.from({ length: 50 }, (_, i) => untagged(new Uint8Array(60).fill(i)));
    expect(rig.deliver(frames)).toBe(50);
    rig.run();
    expect(rig.statistics().framesReceived).toBe(4);
    expect(rig.control.report().outstandingMessages).toBe(1);
    const reader = createGuestRecordReader(rig.machine, 'vm:a', record);
    const got: number[] = [];
    for (let n = 0; n < 20; n++) {
      for (const { bytes } of reader.read()) got.push(bytes[0]);
      rig.run();
    }
    expect(got).toEqual(frames.map((_, i) => i));
    expect(rig.control.report()).toMatchObject({ outstandingMessages: 0, freeSections: 512 });
  });

  test('SEC-02 a frame for another address is counted as misdirected; groups are told apart', () => {
    const rig = createRig({ verifyChecksums: true });
    const to = (hi: number, lo: number): Frame => {
      const bytes = new Uint8Array(60);
      writeEthernetHeader(bytes, 0, hi, lo, PEER.hi, PEER.lo, 0x88b5);
      return untagged(bytes);
    };
    const bad = ping4('10.0.0.5', '10.0.0.9', 20);
    bad[24] = bad[24] ^ 0xff; // the IPv4 header checksum
    rig.deliver([
      to(MAC.hi, MAC.lo),
      to(MAC.hi, MAC.lo + 1),
      to(0xffff, 0xffffffff),
      to(0x0100, 0x5e000001),
      untagged(bad),
    ]);
    rig.run();
    expect(rig.statistics()).toMatchObject({
      framesReceived: 5,
      misdirected: 1,
      broadcastReceived: 1,
      multicastReceived: 1,
      checksumErrors: 1,
    });
  });
});

describe('what a frame’s destination says', () => {
  test('broadcast is all of the address, a group any with the bit, its own all of it; counted alike on every path', () => {
    const random = createRandom(3);
    const halves = [
      [MAC.hi, 0xffff, 0x0100, 0x0200, 0],
      [MAC.lo, 0xffff_ffff, 0x5e00_0001, 0, 0xffff_0000],
    ] as const;
    const destinations = [
      ...halves[0].flatMap((hi) => halves[1].map((lo) => [hi, lo] as const)),
      ...Array.from({ length: 60 }, () => [random.below(0x10000), random.below(2 ** 32)] as const),
    ];
    const expected = {
      framesReceived: destinations.length,
      broadcastReceived: 0,
      multicastReceived: 0,
      misdirected: 0,
    };
    for (const [hi, lo] of destinations) {
      if (hi === 0xffff && lo === 0xffff_ffff) expected.broadcastReceived++;
      else if ((hi & 0x0100) !== 0) expected.multicastReceived++;
      else if (hi !== MAC.hi || lo !== MAC.lo) expected.misdirected++;
    }
    const frames = destinations.map(([hi, lo]) => {
      const bytes = new Uint8Array(60);
      writeEthernetHeader(bytes, 0, hi, lo, PEER.hi, PEER.lo, 0x88b5);
      return untagged(bytes);
    });
    for (const data of [{}, { verifyChecksums: true }, { responder: {} }]) {
      const rig = createRig(data);
      rig.deliver(frames);
      rig.run();
      expect(rig.statistics()).toMatchObject(expected);
    }
  });

  test('only the frames of a batch are looked at, not those of a longer one before it', () => {
    const rig = createRig();
    const to = (hi: number, lo: number): Frame => {
      const bytes = new Uint8Array(60);
      writeEthernetHeader(bytes, 0, hi, lo, PEER.hi, PEER.lo, 0x88b5);
      return untagged(bytes);
    };
    const everybody = to(0xffff, 0xffff_ffff);
    rig.deliver([everybody, to(0x0100, 0x5e00_0001)]);
    rig.run();
    rig.deliver([everybody]);
    rig.run();
    expect(rig.statistics()).toMatchObject({
      framesReceived: 3,
      broadcastReceived: 2,
      multicastReceived: 1,
      misdirected: 0,
    });
  });
});

describe('sending', () => {
  test('the sender sends exactly what it was told, numbered, whatever the send buffer holds', () => {
    const rig = createRig({
      layout: { sendSections: 8 },
      sender: { destination: '02-00-00-00-00-01', count: 100, length: 77, tci: 5, burst: 16 },
    });
    rig.run();
    expect(rig.sent.length).toBe(100);
    rig.sent.forEach(({ bytes, tci }, i) => {
      expect(bytes.length).toBe(77);
      expect(tci).toBe(5);
      expect([bytes[17], bytes[21]]).toEqual([7, i + 1]);
    });
    expect(rig.statistics()).toMatchObject({ framesSent: 100, bytesSent: 7700 });
  });

  test('a posted sender starts between batches; interval counts steps', () => {
    const rig = createRig();
    rig.executor.post('vm:a', {
      op: 'send',
      sender: { destination: '02:00:00:00:00:01', count: 3, interval: 5, burst: 1 },
    });
    rig.executor.publish();
    rig.run();
    expect(rig.sent.length).toBe(3);
  });

  test('frames put into the source ring leave the VM, their stamp as the tag', () => {
    const source = createFrameRing(256, 1 << 18);
    const rig = createRig({ source });
    const ring = new FrameProducer(source);
    // Priority, CFI and VLAN of a tag, each alone and together.
    const tags = [0, 0x0064, 0x2000, 0xe000, 0x1000, 0xf064, 0x6fff];
    for (let i = 0; i < 200; i++) {
      const at = ring.reserve(60 + i);
      ring.u8.fill(i, at, at + 60 + i);
      ring.commit(at, 60 + i, tags[i % tags.length]);
    }
    ring.publish();
    rig.machine.board.wake(rig.machine.agent('vm:a'));
    rig.run();
    expect(rig.sent.map(({ bytes, tci }) => [bytes.length, bytes[59], tci])).toEqual(
      Array.from({ length: 200 }, (_, i) => [60 + i, i, tags[i % tags.length]]),
    );
  });

  test('a guest told to close closes its channel', () => {
    const rig = createRig();
    rig.executor.post('vm:a', { op: 'close' });
    rig.executor.publish();
    rig.run();
    expect(rig.host.isOpen).toBe(false);
    expect(rig.control.poll()).toBe(false);
    expect(rig.control.phase).toBe('closing');
  });
});
