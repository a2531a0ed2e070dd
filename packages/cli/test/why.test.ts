/** `vmq why` tells the same story as the replay and the oracle do. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { WhyJson } from '../src/why/explain-frame.ts';
import {
  BROADCAST,
  echoRequest,
  frame,
  PEER,
  pcap,
  pcapHeader,
  pcapRecord,
  VM1,
  VM2,
} from './build-capture.test-support.ts';
import { expectedFrom, expectedOnWire, expectedVms, readPackets, senderOf } from './oracle.test-support.ts';
import { CAPTURES, Scratch, vmq } from './run-vmq.test-support.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

async function why(file: string, number: number, ...flags: readonly string[]): Promise<WhyJson> {
  const run = await vmq('why', file, String(number), '--json', ...flags);
  expect(run.err).toBe('');
  expect(run.code).toBe(0);
  return JSON.parse(run.out) as WhyJson;
}

const texts = (story: WhyJson): string =>
  story.steps.map(({ agent, text }) => `${agent}: ${text}`).join('\n');

describe('vmq why', () => {
  it('names every test, the queue, descriptor, interrupt, port and end of a unicast frame', async () => {
    const file = scratch.file(
      'two.pcap',
      pcap(
        frame({ destination: VM1 }),
        frame({ destination: VM2, vlan: 100 }),
        frame({ destination: VM1, mark: 9 }),
      ),
    );
    const story = await why(file, 2);
    expect(story).toMatchObject({
      frame: 2,
      fileOffset: 24 + 76,
      length: 60,
      stamp: 2,
      end: 'delivered',
      copies: 0,
      advice: null,
      deliveries: [{ vm: 'vm2', queueId: 2, filterSlot: 1 }],
    });
    expect(story.summary).toContain('vlan 100');
    const text = texts(story);
    expect(text).toMatch(/nic: filter 0: MAC equal no/);
    expect(text).toMatch(/nic: filter 1: MAC equal yes, .*VLAN.* 100.* → queue 2/);
    expect(text).toMatch(/nic: queue 2: descriptor 0/);
    expect(text).toMatch(/nic: DMA: 56 bytes/);
    expect(text).toMatch(/nic: queue 2: interrupt by MSI-X entry \d+ \(processor \d+/);
    expect(text).toMatch(
      /processor:\d: queue's port 2: MAC equal yes, VLAN 100 against the port's 100 equal yes/,
    );
    expect(text).toMatch(/processor:\d: delivered to port 2 as its frame 1/);
    expect(text).toMatch(/vm:vm2: .*received frame 1/);
  });

  it('counts the copies of a flooded frame, from the default queue', async () => {
    const file = scratch.file(
      'flood.pcap',
      pcap(frame({ destination: VM1 }), frame({ destination: VM2 }), frame({ destination: BROADCAST })),
    );
    const story = await why(file, 3);
    expect(story).toMatchObject({ end: 'delivered', copies: 1 });
    expect(story.deliveries.map(({ vm, queueId, filterSlot }) => [vm, queueId, filterSlot])).toEqual([
      ['vm1', 0, -1],
      ['vm2', 0, -1],
    ]);
  });

  it('uses the default queue for everything with VMQ off', async () => {
    const file = scratch.file('off.pcap', pcap(frame({ destination: VM1 })));
    const story = await why(file, 1, '--vmq', 'off');
    expect(story.deliveries).toMatchObject([{ vm: 'vm1', queueId: 0 }]);
    expect((await why(file, 1)).deliveries).toMatchObject([{ vm: 'vm1', queueId: 1 }]);
  });

  it('says what would have let a dropped frame pass', async () => {
    const frames = [
      frame({ destination: VM1 }),
      frame({ destination: PEER }),
      frame({ destination: VM1, vlan: 7 }),
      frame({ destination: VM1, length: 2000 }),
      Buffer.alloc(0),
      frame({ destination: VM1 }),
      frame({ destination: BROADCAST, vlan: 7 }),
    ];
    const file = scratch.file('drops.pcap', pcap(...frames));
    const ends: [number, string, RegExp][] = [
      [2, 'dropped.nic.no-match', /no VM has 02-00-5E-0A-00-21: add one with vlan: 0/],
      [3, 'dropped.nic.no-match', /vm1 has 00-15-5D-0A-00-01, but in no VLAN; the frame is in VLAN 7/],
      [4, 'dropped.nic.oversize', /set nic\.jumboPacket to 2000 or more/],
      [7, 'dropped.vswitch.no-member-port', /^no VM is in VLAN 7; give one vlan: 7$/],
      [5, 'dropped.nic.runt', /needs an Ethernet header of 14 bytes; this one has 0/],
    ];
    for (const [number, end, advice] of ends) {
      const story = await why(file, number, '--vms', '1');
      expect(story).toMatchObject({ end, deliveries: [], copies: 0 });
      expect(story.advice).toMatch(advice);
    }
  });

  it('SW-27: names what no bridge forwards', async () => {
    const control = frame({ destination: VM1 });
    control.writeUInt16BE(0x8808, 12);
    const frames = [
      frame({ destination: VM1 }),
      frame({ destination: '0180c200000e' }),
      control,
      frame({ destination: VM1, source: '000000000000' }),
    ];
    const file = scratch.file('bridge.pcap', pcap(...frames));
    const ends: [number, string, RegExp][] = [
      [2, 'dropped.vswitch.reserved-address', /no bridge forwards 01-80-C2-00-00-00 to 0F/],
      [3, 'dropped.vswitch.mac-control', /MAC control/],
      [4, 'dropped.vswitch.invalid-source', /no station sends from/],
    ];
    for (const [number, end, advice] of ends) {
      for (const mode of ['on', 'off']) {
        const story = await why(file, number, '--vms', '1', '--vmq', mode);
        expect(story).toMatchObject({ end, deliveries: [], copies: 0 });
        expect(story.advice).toMatch(advice);
        expect(texts(story)).toContain(end);
      }
    }
  });

  it('says why a packet never became a frame', async () => {
    const cut = pcapRecord(frame({ destination: VM1 }).subarray(0, 30), 60);
    const file = scratch.file(
      'snap.pcap',
      Buffer.concat([pcapHeader(), cut, pcapRecord(frame({ destination: VM1 }))]),
    );
    expect(await why(file, 1)).toMatchObject({ end: 'skipped.snapped', stamp: 0, steps: [] });
    // The skipped packet has a frame number, but no stamp.
    expect(await why(file, 2)).toMatchObject({ end: 'delivered', frame: 2, stamp: 1 });
  });

  it('marks what guests send in answer', async () => {
    const file = scratch.file('echo.pcap', pcap(echoRequest(VM1, PEER)));
    const story = await why(file, 1, '--answer');
    expect(story.end).toBe('delivered');
    expect(story.steps.some(({ sameFrame }) => !sameFrame)).toBe(true);
    expect((await why(file, 1)).steps.every(({ sameFrame }) => sameFrame)).toBe(true);
    const replay = JSON.parse((await vmq('replay', file, '--answer', '--json')).out);
    expect(replay).toMatchObject({ received: 2, conservation: true });
    expect(replay.ends).toEqual({ delivered: 1, transmitted: 1, dropped: {} });
  });

  it('agrees with the oracle on frames of a recorded network', async () => {
    const file = join(CAPTURES, 'vlan.pcapng');
    const packets = readPackets(file);
    const vms = expectedVms(packets);
    for (const number of [1, 2, 17, 400, 1200, packets.length]) {
      const only = packets.slice(number - 1, number);
      const expected = vms.filter((vm) => expectedFrom(vm, only, vms).length === 1).map(({ name }) => name);
      const sent = expectedOnWire(only, vms) === 1;
      const story = await why(file, number);
      expect(story.deliveries.map(({ vm }) => vm).sort()).toEqual(expected.sort());
      expect(story.end).toBe(
        sent ? 'transmitted' : expected.length > 0 ? 'delivered' : 'dropped.nic.no-match',
      );
      expect(story.sender === null).toBe(senderOf(only[0], vms) === 'wire');
    }
  });

  it('prints a numbered story', async () => {
    const file = scratch.file('story.pcap', pcap(frame({ destination: VM1 })));
    const run = await vmq('why', file, '1');
    const lines = run.out.split('\n');
    expect(lines[0]).toBe('frame 1, 60 bytes, at byte 24 of the file');
    expect(lines[1]).toMatch(/^02-00-5E-0A-00-21 > 00-15-5D-0A-00-01, ethertype 0x88b5/);
    expect(lines[3]).toMatch(/^ *1\. nic /);
    expect(run.out).toMatch(/\nend: delivered to vm1\n$/);
  });
});
