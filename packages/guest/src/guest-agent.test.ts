import {
  createDeterministicExecutor,
  createFrameRing,
  createMachine,
  createRandom,
  createVirtualClock,
  FrameProducer,
} from '@vmq/machine';
import {
  createChannelControl,
  createChannelHost,
  GUEST_ENTRY_SHIFT,
  GuestFrameBatch,
  layoutGuest,
} from '@vmq/netvsc';
import {
  ARP_REPLY,
  ARP_REQUEST,
  ArpView,
  fillIcmpv4Checksum,
  fillIcmpv6Checksum,
  formatMacAddress,
  ICMPV4_ECHO_REQUEST,
  ICMPV6_ECHO_REQUEST,
  ICMPV6_NEIGHBOUR_SOLICITATION,
  parseIpv4Address,
  parseIpv6Address,
  readMacHi,
  readMacLo,
  summarize,
  writeArp,
  writeEthernetHeader,
  writeIcmpEchoHeader,
  writeIpv4Header,
  writeIpv6Header,
  writeNeighbourMessage,
  writeSolicitedNodeAddress,
} from '@vmq/wire';
import { describe, expect, test } from 'vitest';
import type { GuestAgentData } from './endpoint-config.ts';
import { createGuestRecordReader } from './record.ts';
import { createGuestStatistics, readGuestStatistics } from './statistics.ts';
import { createGuestAgent } from './virtual-machine.ts';

const MAC = { hi: 0x0015, lo: 0x5d010203 };
const PEER = { hi: 0x0200, lo: 0x00000001 };

interface Frame {
  readonly bytes: Uint8Array;
  readonly tci: number;
}

function createRig(data: Partial<GuestAgentData> = {}) {
  const clock = createVirtualClock();
  const machine = createMachine({
    hostMemoryBytes: 1 << 16,
    processors: 1,
    agents: ['vm:a'],
    dropReasons: [],
    clock,
  });
  const segment = machine.memory.addSegment('vm:a', layoutGuest(data.layout).end);
  const control = createChannelControl(machine, {
    channel: 1,
    segment: segment.id,
    guestAgent: machine.agent('vm:a'),
    macAddress: [0x00, 0x15, 0x5d, 0x01, 0x02, 0x03],
  });
  const statistics = createGuestStatistics();
  const executor = createDeterministicExecutor(machine, clock, { factories: { guest: createGuestAgent } });
  const agentData: GuestAgentData = {
    segment: segment.id,
    messages: control.messages,
    number: 7,
    statistics,
    ...data,
  };
  executor.start([{ name: 'vm:a', factory: 'guest', data: agentData }]);
  control.offer();
  expect(executor.runUntil(() => control.poll())).toBe(true);
  const host = createChannelHost({ machine, trace: null }, control.image());
  const sent: Frame[] = [];
  const frames = new GuestFrameBatch(16);
  const poll = (): boolean => {
    frames.count = 0;
    frames.buffers = Int32Array.from({ length: 16 }, (_, i) => i * 2048);
    frames.bufferCount = 16;
    const more = host.poll(frames, 64);
    for (let i = 0; i < frames.count; i++) {
      const [offset, length, tci] = frames.entries.subarray(i << GUEST_ENTRY_SHIFT);
      sent.push({ bytes: machine.memory.host.u8.slice(offset, offset + length), tci });
    }
    return more;
  };
  const run = (): void => {
    for (let n = 0; n < 1000; n++) {
      const before = sent.length;
      executor.runUntilIdle();
      while (poll());
      executor.runUntilIdle();
      if (sent.length === before) return;
    }
  };
  return {
    machine,
    executor,
    control,
    host,
    segment,
    sent,
    run,
    statistics: () => readGuestStatistics(statistics),
    deliver(frames: readonly Frame[]): number {
      if (!host.beginBatch(frames.length)) return 0;
      for (const { bytes, tci } of frames) {
        const section = host.nextSection();
        if (section < 0) break;
        segment.u8.set(bytes, host.frameOffset(section));
        host.commit(section, bytes.length, tci);
      }
      return host.endBatch();
    },
  };
}

function untagged(bytes: Uint8Array): Frame {
  return { bytes, tci: 0 };
}

const ipv4 = (text: string): number => parseIpv4Address(text) as number;
const ipv6 = (text: string): Uint8Array => parseIpv6Address(text) as Uint8Array;

function ping4(to: string, from: string, dataLength: number): Uint8Array {
  const bytes = new Uint8Array(14 + 20 + 8 + dataLength);
  writeEthernetHeader(bytes, 0, MAC.hi, MAC.lo, PEER.hi, PEER.lo, 0x0800);
  const payloadLength = 8 + dataLength;
  writeIpv4Header(bytes, 14, { source: ipv4(from), destination: ipv4(to), protocol: 1, payloadLength });
  writeIcmpEchoHeader(bytes, 34, ICMPV4_ECHO_REQUEST, 0x1234, 9);
  for (let i = 42; i < bytes.length; i++) bytes[i] = i;
  fillIcmpv4Checksum(bytes, 34, payloadLength);
  return bytes;
}

function ping6(to: string, from: string): Uint8Array {
  const bytes = new Uint8Array(14 + 40 + 8 + 16);
  writeEthernetHeader(bytes, 0, MAC.hi, MAC.lo, PEER.hi, PEER.lo, 0x86dd);
  writeIpv6Header(bytes, 14, {
    source: ipv6(from),
    destination: ipv6(to),
    nextHeader: 58,
    payloadLength: 24,
  });
  writeIcmpEchoHeader(bytes, 54, ICMPV6_ECHO_REQUEST, 0x77, 3);
  fillIcmpv6Checksum(bytes, 54, 24, 14);
  return bytes;
}

function whoHas(target: string, from: string): Uint8Array {
  const bytes = new Uint8Array(60);
  writeEthernetHeader(bytes, 0, 0xffff, 0xffffffff, PEER.hi, PEER.lo, 0x0806);
  writeArp(bytes, 14, {
    operation: ARP_REQUEST,
    senderMacHi: PEER.hi,
    senderMacLo: PEER.lo,
    senderIpv4: ipv4(from),
    targetMacHi: 0,
    targetMacLo: 0,
    targetIpv4: ipv4(target),
  });
  return bytes;
}

function solicit(target: string, from: string): Uint8Array {
  const bytes = new Uint8Array(14 + 40 + 32);
  const group = new Uint8Array(16);
  writeSolicitedNodeAddress(group, 0, ipv6(target));
  writeEthernetHeader(bytes, 0, 0x3333, 0xff000001, PEER.hi, PEER.lo, 0x86dd);
  writeIpv6Header(bytes, 14, {
    source: ipv6(from),
    destination: group,
    nextHeader: 58,
    payloadLength: 32,
    hopLimit: 255,
  });
  writeNeighbourMessage(bytes, 54, ICMPV6_NEIGHBOUR_SOLICITATION, 0, ipv6(target), PEER.hi, PEER.lo);
  fillIcmpv6Checksum(bytes, 54, 32, 14);
  return bytes;
}

describe('responder', () => {
  test('answers a ping for its address, with the tag it came with', () => {
    const rig = createRig({ responder: { ipv4: ['10.0.0.5'] } });
    rig.deliver([{ bytes: ping4('10.0.0.5', '10.0.0.9', 56), tci: 100 }]);
    rig.run();
    expect(rig.sent.length).toBe(1);
    const reply = rig.sent[0];
    expect(reply.tci).toBe(100);
    expect(summarize(reply.bytes, 0, reply.bytes.length)).toMatch(/10\.0\.0\.5.*10\.0\.0\.9.*echo reply/i);
    expect(reply.bytes.subarray(42)).toEqual(ping4('10.0.0.5', '10.0.0.9', 56).subarray(42));
    expect([readMacHi(reply.bytes, 0), readMacLo(reply.bytes, 0)]).toEqual([PEER.hi, PEER.lo]);
    // A checksum that is right stays what it is when filled again.
    const again = reply.bytes.slice();
    fillIcmpv4Checksum(again, 34, again.length - 34);
    expect(again).toEqual(reply.bytes);
    expect(rig.statistics()).toMatchObject({ framesReceived: 1, tagged: 1, framesSent: 1, replies: 1 });
  });

  test('answers ARP for its addresses and for no other', () => {
    const rig = createRig({ responder: { ipv4: ['10.0.0.5'] } });
    rig.deliver([untagged(whoHas('10.0.0.6', '10.0.0.9')), untagged(whoHas('10.0.0.5', '10.0.0.9'))]);
    rig.run();
    expect(rig.sent.length).toBe(1);
    const reply = rig.sent[0]?.bytes;
    const arp = new ArpView();
    expect(arp.checked(reply, 14, reply.length - 14)).toBeNull();
    expect(arp.operation).toBe(ARP_REPLY);
    expect(arp.senderIpv4).toBe(ipv4('10.0.0.5'));
    expect(formatMacAddress(arp.senderMacHi, arp.senderMacLo)).toBe('00-15-5D-01-02-03');
  });

  test("'any' learns the address from traffic to its MAC and answers ARP for it from then on", () => {
    const rig = createRig({ responder: { answer: 'any' } });
    rig.deliver([untagged(whoHas('192.168.1.7', '192.168.1.1'))]);
    rig.run();
    expect(rig.sent.length).toBe(0);
    rig.deliver([untagged(ping4('192.168.1.7', '192.168.1.1', 0))]);
    rig.deliver([untagged(whoHas('192.168.1.7', '192.168.1.1'))]);
    rig.run();
    expect(rig.sent.length).toBe(2);
  });

  test('answers IPv6 echo and neighbour solicitation with right checksums', () => {
    const rig = createRig({ responder: { ipv6: ['fe80::5'] } });
    rig.deliver([untagged(solicit('fe80::5', 'fe80::9')), untagged(ping6('fe80::5', 'fe80::9'))]);
    rig.deliver([untagged(solicit('fe80::6', 'fe80::9')), untagged(ping6('fe80::6', 'fe80::9'))]);
    rig.run();
    expect(rig.sent.map(({ bytes }) => bytes[54])).toEqual([136, 129]);
    for (const { bytes } of rig.sent) {
      const again = bytes.slice();
      fillIcmpv6Checksum(again, 54, bytes.length - 54, 14);
      expect(again).toEqual(bytes);
    }
  });

  test('a flood of pings larger than the send buffer is answered to the last one', () => {
    const rig = createRig({ responder: { ipv4: ['10.0.0.5'] }, layout: { sendSections: 4 } });
    const ping = untagged(ping4('10.0.0.5', '10.0.0.9', 20));
    expect(rig.deliver(Array.from({ length: 300 }, () => ping))).toBe(300);
    rig.run();
    expect(rig.sent.length).toBe(300);
    expect(rig.control.report()).toMatchObject({ outstandingMessages: 0, freeSections: 512, violations: {} });
  });
});

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
});

describe('two hosts that answer', () => {
  test('no answer is answered: what each says to the other ends there', () => {
    const requests = [
      ping4('10.0.0.5', '10.0.0.9', 20),
      ping6('fe80::5', 'fe80::9'),
      whoHas('10.0.0.5', '10.0.0.9'),
      solicit('fe80::5', 'fe80::9'),
    ];
    for (const request of requests) {
      const knows = { ipv4: ['10.0.0.5', '10.0.0.9'], ipv6: ['fe80::5', 'fe80::9'], answer: 'any' } as const;
      const rig = createRig({ responder: knows });
      rig.deliver([untagged(request)]);
      rig.run();
      expect(rig.sent).toHaveLength(1);
      // The same station as the other side of the talk: the answer, addressed to it.
      const answer = rig.sent[0].bytes.slice();
      writeEthernetHeader(
        answer,
        0,
        MAC.hi,
        MAC.lo,
        PEER.hi,
        PEER.lo,
        ((answer[12] ?? 0) << 8) | (answer[13] ?? 0),
      );
      rig.deliver([untagged(answer)]);
      rig.run();
      expect(rig.sent).toHaveLength(1);
      expect(rig.statistics()).toMatchObject({ replies: 1, misdirected: 0 });
    }
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
