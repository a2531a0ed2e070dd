import {
  ARP_REPLY,
  ArpView,
  fillIcmpv4Checksum,
  fillIcmpv6Checksum,
  formatMacAddress,
  readMacHi,
  readMacLo,
  summarize,
  writeEthernetHeader,
} from '@vmq/wire';
import { describe, expect, test } from 'vitest';
import { ipv4, ping4, ping6, solicit, whoHas } from './guest-frames.test-support.ts';
import { createRig, MAC, PEER, untagged } from './guest-rig.test-support.ts';

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

  test('does not answer an ARP request whose header is not that of IPv4 over Ethernet', () => {
    const rig = createRig({ responder: { ipv4: ['10.0.0.5'] } });
    // Hardware type, protocol type and the lengths of both addresses, each wrong alone.
    for (const at of [15, 16, 18, 19]) {
      const broken = whoHas('10.0.0.5', '10.0.0.9');
      broken[at] ^= 0x40;
      rig.deliver([untagged(broken)]);
    }
    rig.run();
    expect(rig.sent).toEqual([]);
    expect(rig.statistics()).toMatchObject({ framesReceived: 4, replies: 0, framesSent: 0 });
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
