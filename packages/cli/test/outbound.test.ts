/** Frames that a VM had sent when the capture was taken never came from the wire: its guest sends them again. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ReplayJson } from '../src/json/replay-json.ts';
import type { WhyJson } from '../src/why/explain-frame.ts';
import { BROADCAST, frame, PEER, pcap, VM1, VM2 } from './build-capture.test-support.ts';
import { readPackets } from './oracle.test-support.ts';
import { Scratch, vmq } from './run-vmq.test-support.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const INBOUND = 1;
const OUTBOUND = 2;

/** A pcapng of Ethernet frames, one second apart, each with these `epb_flags`. */
function pcapng(...packets: readonly (readonly [flags: number, bytes: Uint8Array])[]): Buffer {
  const u32 = (...values: number[]): Buffer => {
    const bytes = Buffer.alloc(values.length * 4);
    for (const [i, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, i * 4);
    return bytes;
  };
  const block = (type: number, ...body: Uint8Array[]): Buffer => {
    const length = body.reduce((sum, { length }) => sum + length, 12);
    return Buffer.concat([u32(type, length), ...body, u32(length)]);
  };
  return Buffer.concat([
    block(0x0a0d0d0a, u32(0x1a2b3c4d, 1, -1, -1)),
    block(1, u32(1, 0)),
    ...packets.map(([flags, bytes], i) => {
      const padding = Buffer.alloc(-bytes.length & 3);
      const head = u32(0, 0, (i + 1) * 1_000_000, bytes.length, bytes.length);
      return block(6, head, bytes, padding, u32(0x0004_0002, flags, 0));
    }),
  ]);
}

async function replay(
  file: string,
  ...flags: readonly string[]
): Promise<{ json: ReplayJson; err: string; code: number }> {
  const { out, err, code } = await vmq('replay', file, '--json', ...flags);
  return { json: JSON.parse(out) as ReplayJson, err, code };
}
async function why(file: string, number: number, ...flags: readonly string[]): Promise<WhyJson> {
  return JSON.parse((await vmq('why', file, String(number), '--json', ...flags)).out) as WhyJson;
}
const texts = (story: WhyJson): string =>
  story.steps.map(({ agent, text }) => `${agent}: ${text}`).join('\n');

const toVm1 = frame({ destination: VM1, mark: 1 });
const toPeer = frame({ destination: PEER, source: VM1, mark: 2 });
const toVm2 = frame({ destination: VM2, source: VM1, mark: 3 });
const VMS = `vms:\n- {name: one, mac: ${VM1}}\n- {name: two, mac: ${VM2}}\n`;
const config = scratch.file('two.yaml', VMS);

describe('which frames are outbound', () => {
  const stray = frame({ destination: PEER, source: '020000000009' });
  const cases: [string, Buffer, Partial<ReplayJson['input']>][] = [
    [
      'those that epb_flags call so',
      pcapng([INBOUND, toVm1], [OUTBOUND, toPeer]),
      { wire: 1, guests: 1, skipped: {} },
    ],
    [
      'those from a VM where flags say nothing',
      pcapng([0, toVm1], [0, toPeer]),
      { wire: 1, guests: 1, skipped: {} },
    ],
    ['those from a VM in a pcap', pcap(toVm1, toPeer, toVm2), { wire: 1, guests: 2, skipped: {} }],
    ['none that epb_flags call inbound', pcapng([INBOUND, toPeer]), { wire: 1, guests: 0, skipped: {} }],
    [
      'one of nobody is left out',
      pcapng([OUTBOUND, stray], [INBOUND, toVm1]),
      { wire: 1, guests: 0, skipped: { 'no-sender': 1 } },
    ],
    [
      'one without a source too',
      pcapng([OUTBOUND, Buffer.alloc(9)]),
      { wire: 0, guests: 0, skipped: { 'no-sender': 1 } },
    ],
    ['an unmarked one of nobody comes from the wire', pcap(stray), { wire: 1, guests: 0, skipped: {} }],
  ];
  it.each(cases)('%s', async (_, bytes, expected) => {
    const { json, err, code } = await replay(scratch.file('way.pcapng', bytes), '--config', config);
    expect({ err, code }).toEqual({ err: '', code: 0 });
    expect(json.input).toMatchObject(expected);
    expect(json.received).toBe(json.input.wire + json.input.guests);
    expect(json.conservation).toBe(true);
  });
});

describe('--outbound', () => {
  const file = scratch.file('both.pcapng', pcapng([INBOUND, toVm1], [OUTBOUND, toPeer], [OUTBOUND, toVm2]));

  it('send (the default): one leaves for the wire, the other reaches the other VM', async () => {
    const { json } = await replay(file, '--config', config);
    expect(json.ends).toEqual({ delivered: 2, transmitted: 1, dropped: {} });
    expect(json.ports.map(({ framesSent, framesDelivered }) => [framesSent, framesDelivered])).toEqual([
      [2, 1],
      [0, 1],
    ]);
    expect((await replay(file, '--config', config, '--outbound', 'send')).json).toEqual(json);
  });

  it('skip leaves them out and counts them, in the tables as well', async () => {
    const { json, code } = await replay(file, '--config', config, '--outbound', 'skip');
    expect(code).toBe(0);
    expect(json.ends).toEqual({ delivered: 1, transmitted: 0, dropped: {} });
    expect(json.input).toMatchObject({ frames: 3, wire: 1, guests: 0, skipped: { outbound: 2 } });
    const run = await vmq('replay', file, '--config', config, '--outbound', 'skip');
    expect(run.out).toMatch(/^left out +2 .*\n {2}outbound +2\nevery frame ended in exactly one counter\n$/m);
  });

  it('wire has them arrive as if a peer had sent them', async () => {
    const { json } = await replay(file, '--config', config, '--outbound', 'wire');
    expect(json.ends).toEqual({ delivered: 2, transmitted: 0, dropped: { 'nic.no-match': 1 } });
    expect(json.input).toMatchObject({ frames: 3, wire: 3, guests: 0, skipped: {} });
  });

  it('anything else is refused with the choices', async () => {
    const run = await vmq('replay', file, '--outbound', 'drop');
    expect(run).toMatchObject({ code: 1, out: '' });
    expect(run.err).toMatch(/Allowed choices are send, skip, wire/);
  });
});

describe('the frame that a guest sends', () => {
  const trunk = scratch.file(
    'trunk.yaml',
    `vms:\n- {name: one, mac: ${VM1}, vlan: 100}\n- {name: two, mac: ${VM2}, vlan: 100}\n`,
  );

  it('loses the tag of its own VLAN, keeps its priority, and gets both back on the wire', async () => {
    const tagged = frame({ destination: PEER, source: VM1, vlan: 100, priority: 5, length: 64 });
    const story = await why(scratch.file('tag.pcap', pcap(tagged)), 1, '--config', trunk);
    expect(story).toMatchObject({
      sender: 'one',
      // Only what comes from the wire has a number of the NIC.
      stamp: 0,
      end: 'transmitted',
      deliveries: [],
      copies: 0,
      advice: null,
    });
    const text = texts(story);
    expect(text).toMatch(/^vm:one: guest: sent 60 bytes as its frame 1, VLAN 0 priority 5 beside it$/m);
    expect(text).toMatch(/^processor:0: port 1 sent 60 bytes, TCI \d+: VLAN 100$/m);
    expect(text).toMatch(
      /^processor:0: NBL of 60 bytes put into transmit queue 0 on processor 0, descriptor 0, tag/m,
    );
    expect(text).toMatch(
      /^nic: transmit queue 0: descriptor 0: 64 bytes put on the wire, with tag 100 priority 5$/m,
    );
    expect(text).toMatch(
      /^processor:0: NBL in descriptor 0 of transmit queue 0 completed .* status 0x00000000$/m,
    );
    expect(story.steps.every(({ sameFrame }) => sameFrame)).toBe(true);
  });

  it('in a VLAN that its port is not in is dropped by the switch, and why says so', async () => {
    const file = scratch.file(
      'other.pcap',
      pcap(frame({ destination: PEER, source: VM1, vlan: 7, length: 64 })),
    );
    const story = await why(file, 1, '--config', trunk);
    expect(story).toMatchObject({
      sender: 'one',
      end: 'dropped.vswitch.vlan-mismatch',
      advice: 'one is in VLAN 100 and may not send in another; the frame is in VLAN 7',
    });
    expect((await replay(file, '--config', trunk)).json.ends.dropped).toEqual({ 'vswitch.vlan-mismatch': 1 });
  });

  it('longer than a guest can send is left out, with the limit', async () => {
    const long = frame({ destination: PEER, source: VM1, length: 1515 });
    const longest = frame({ destination: PEER, source: VM1, vlan: 100, length: 1518 });
    const file = scratch.file('long.pcap', pcap(long, longest));
    const { json, err, code } = await replay(file, '--config', trunk);
    expect(code).toBe(2);
    expect(err).toMatch(
      /frame 1 at byte 24: expected at most 1514 bytes in a frame of a VM \(nic\.jumboPacket\), found 1515 \[too-long\]\n$/,
    );
    expect(json.input).toMatchObject({ guests: 1, skipped: { 'too-long': 1 } });
    expect(json.ends).toEqual({ delivered: 0, transmitted: 1, dropped: {} });
    expect(await why(file, 1, '--config', trunk)).toMatchObject({
      end: 'skipped.too-long',
      sender: null,
      steps: [],
    });
  });

  it('to all goes to the wire and to the others, who are copies', async () => {
    const file = scratch.file('flood.pcap', pcap(toVm1, frame({ destination: BROADCAST, source: VM1 })));
    const story = await why(file, 2, '--config', config);
    expect(story).toMatchObject({
      sender: 'one',
      end: 'transmitted',
      copies: 1,
      deliveries: [{ vm: 'two' }],
    });
    expect((await replay(file, '--config', config)).json).toMatchObject({
      ends: { delivered: 1, transmitted: 1 },
      copies: 1,
    });
    expect(texts(story)).toMatch(/delivered to port 2 as its frame 1, on processor 0, from another port$/m);
    const { out } = await vmq('why', file, '2', '--config', config);
    expect(out.split('\n')[2]).toBe('sent by one');
    expect(out).toMatch(/\nend: transmitted, with a copy to two\n$/);
  });

  it('has its own time and place in the file of the VM that gets it', async () => {
    const frames = [toVm2, frame({ destination: VM2, mark: 4 }), toVm2, frame({ destination: VM2, mark: 5 })];
    const out = join(scratch.path, 'order');
    const run = await vmq(
      'replay',
      scratch.file('order.pcap', pcap(...frames)),
      '--config',
      config,
      '--out',
      out,
    );
    expect(run).toMatchObject({ code: 0, err: '' });
    const received = readPackets(join(out, 'two.pcapng'));
    expect(received.map(({ bytes, time }) => [bytes[14], time / 1_000_000_000n])).toEqual([
      [3, 1n],
      [4, 2n],
      [3, 3n],
      [5, 4n],
    ]);
    expect(received.map(({ comments }) => comments[0]?.slice(0, 11))).toEqual([
      'from VM one',
      'queue 2, pr',
      'from VM one',
      'queue 2, pr',
    ]);
  });

  it('comes beside the answers of guests, which have no place of their own', async () => {
    const { json } = await replay(
      scratch.file('answer.pcap', pcap(toVm1, toPeer)),
      '--config',
      config,
      '--answer',
    );
    expect(json).toMatchObject({ received: 2, conservation: true, input: { wire: 1, guests: 1 } });
  });
});

describe('why, of frames that are left out', () => {
  const file = scratch.file(
    'out.pcapng',
    pcapng([INBOUND, toVm1], [OUTBOUND, toPeer], [OUTBOUND, frame({ destination: PEER, source: VM2 })]),
  );
  const one = scratch.file('one.yaml', `vms:\n- {name: one, mac: ${VM1}}\n`);

  it('says for which reason', async () => {
    expect(await why(file, 2, '--config', one, '--outbound', 'skip')).toMatchObject({
      end: 'skipped.outbound',
      steps: [],
      sender: null,
    });
    expect(await why(file, 3, '--config', one)).toMatchObject({
      end: 'skipped.no-sender',
      advice: expect.stringMatching(/that any VM has 00-15-5D-0A-00-02, its source address/),
    });
    expect(await why(file, 2, '--config', one, '--outbound', 'wire')).toMatchObject({
      end: 'dropped.nic.no-match',
      sender: null,
    });
  });
});

it('a capture that does not say who is a VM is replayed on a guess, which is told', async () => {
  const [a, b] = ['020000000001', '020000000002'];
  const file = scratch.file(
    'guess.pcap',
    pcap(frame({ destination: b, source: a }), frame({ destination: a, source: b })),
  );
  const { json, err, code } = await replay(file);
  expect(code).toBe(0);
  expect(err).toMatch(
    /does not say which addresses are VMs: it is a guess that 1 are and 1 are peers on the wire/,
  );
  expect(json.ports.map(({ MacAddress }) => MacAddress)).toEqual(['02-00-00-00-00-02']);
  expect(json.ends).toEqual({ delivered: 1, transmitted: 1, dropped: {} });
});
