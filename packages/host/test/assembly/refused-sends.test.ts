/** What a VM's programs cannot do is refused where it is asked for, with the limit; no agent ends for it. */
import { afterEach, describe, expect, it } from 'vitest';
import {
  checkHostConfig,
  createHost,
  type Host,
  type HostConfigInput,
  type HostOptions,
} from '../../src/index.ts';

const INVALID_PARAMETER = 0xc000000d;
const A = [0, 0x15, 0x5d, 0, 0, 1];
const B = [0, 0x15, 0x5d, 0, 0, 2];
const VMS = [
  { name: 'a', mac: '00-15-5D-00-00-01' },
  { name: 'b', mac: '00-15-5D-00-00-02' },
];

let host: Host | null = null;
afterEach(async () => {
  await host?.stop();
  host = null;
});

function hostOf(input: Partial<HostConfigInput> = {}, options: HostOptions = {}): Host {
  const checked = checkHostConfig({ vms: VMS, ...input });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  host = createHost(checked.config, { record: true, sources: true, ...options });
  return host;
}

function frame(length: number, ...tags: readonly number[]): Uint8Array {
  const head = [...B, ...A, ...tags.flatMap((type) => [type >> 8, type & 0xff, 0, 0]), 0x88, 0xb5];
  const bytes = new Uint8Array(length + 4 * tags.length).fill(0x5a);
  bytes.set(head.slice(0, bytes.length));
  return bytes;
}

const got = (name: string): number[] => {
  const lengths: number[] = [];
  host?.takeReceived(name, ({ length }) => lengths.push(length));
  return lengths;
};

describe('SW-28: sendFrom', () => {
  for (const jumboPacket of [1514, 9014]) {
    it(`takes frames of up to ${jumboPacket} bytes, tags not counted, and refuses longer ones with that limit`, () => {
      const { sendFrom, runUntilIdle } = hostOf({ nic: { jumboPacket } });
      const send = (bytes: Uint8Array): boolean => sendFrom('a', bytes, 0, bytes.length);
      expect(send(frame(jumboPacket))).toBe(true);
      expect(host?.sendRefusal).toBeNull();
      expect(send(frame(jumboPacket, 0x8100))).toBe(true);
      for (const bytes of [frame(jumboPacket + 1), frame(jumboPacket + 1, 0x8100), frame(65_000)]) {
        expect(send(bytes)).toBe(false);
        expect(host?.sendRefusal).toBe(
          `a: a frame of ${bytes.length} bytes, the limit is ${jumboPacket}, not counting up to two tags`,
        );
      }
      runUntilIdle();
      expect(got('b')).toEqual([jumboPacket, jumboPacket]);
      const { ports, ledger } = host?.inspect() ?? { ports: [], ledger: null };
      expect(ports.map(({ violations }) => violations)).toEqual([undefined, undefined]);
      expect(ledger?.ends).toEqual({ delivered: 2, transmitted: 0, dropped: {} });
      expect(host?.guestStatistics('a')['refused']).toBe(0);
    });
  }

  it('says why it sends nothing: too short, no tag, no source, a full source; and throws for bytes that are not there', () => {
    const { sendFrom } = hostOf();
    const bytes = frame(60);
    expect(sendFrom('a', bytes, 0, 13)).toBe(false);
    expect(host?.sendRefusal).toBe('a: a frame of 13 bytes, an Ethernet header has 14');
    for (const tci of [-1, 65_536, 1.5, Number.NaN]) {
      expect(sendFrom('a', bytes, 0, 60, tci)).toBe(false);
      expect(host?.sendRefusal).toBe(`a: tci: expected 0 to 65535, found ${tci}`);
    }
    for (const [offset, length] of [
      [1, 60],
      [-1, 60],
      [0, 61],
      [0, 14.5],
      [0, Number.NaN],
    ] as const)
      expect(() => sendFrom('a', bytes, offset, length)).toThrow(RangeError);
    let sent = 0;
    while (sendFrom('a', bytes, 0, 60)) sent++;
    expect(sent).toBeGreaterThan(100);
    expect(host?.sendRefusal).toBe('a: its source is full');
    host?.runUntilIdle();
    expect(got('b').length).toBe(sent);
  });

  it('without sources says so', () => {
    const { sendFrom } = hostOf({}, { sources: false });
    expect(sendFrom('a', frame(60), 0, 60)).toBe(false);
    expect(host?.sendRefusal).toBe('a: the host was made without sources');
  });
});

describe('tellGuest', () => {
  it('refuses what the guest cannot do, with the limit, and has it do what it can', () => {
    const { tellGuest } = hostOf();
    const destination = '00-15-5D-00-00-02';
    const bad: [Parameters<typeof tellGuest>[1], string][] = [
      [
        { op: 'send', sender: { destination, count: 1, length: 1515 } },
        'length: expected 22 to 1514, found 1515',
      ],
      [
        { op: 'send', sender: { destination, count: 1, length: 21 } },
        'length: expected 22 to 1514, found 21',
      ],
      [{ op: 'send', sender: { destination: 'b', count: 1 } }, "destination: 'b' is no MAC address"],
      [{ op: 'send', sender: { destination, source: 'me', count: 1 } }, "source: 'me' is no MAC address"],
      [{ op: 'send', sender: { destination, count: -1 } }, 'count: expected 0 to 2147483647, found -1'],
      [
        { op: 'send', sender: { destination, count: 1, burst: 0 } },
        'burst: expected 1 to 2147483647, found 0',
      ],
      [
        { op: 'send', sender: { destination, count: 1, interval: 0.5 } },
        'interval: expected 1 to 2147483647, found 0.5',
      ],
      [
        { op: 'send', sender: { destination, count: 1, tci: 65_536 } },
        'tci: expected 0 to 65535, found 65536',
      ],
      [{ op: 'respond', responder: { ipv4: ['10.0.0'] } }, "ipv4: '10.0.0' is no IPv4 address"],
      [{ op: 'respond', responder: { ipv6: ['::g'] } }, "ipv6: '::g' is no IPv6 address"],
      [
        { op: 'respond', responder: { ipv4: new Array<string>(65).fill('10.0.0.1') } },
        'ipv4: expected 0 to 64, found 65',
      ],
    ];
    for (const [message, reason] of bad)
      expect(tellGuest('a', message)).toEqual({ status: INVALID_PARAMETER, reason });
    expect(tellGuest('c', { op: 'close' })).toEqual({
      status: INVALID_PARAMETER,
      reason: "no VM 'c'; there are a, b",
    });
    const sender = { destination, count: Number.POSITIVE_INFINITY, length: 1514, burst: 1 };
    expect(tellGuest('a', { op: 'send', sender: { ...sender, count: 3 } }).status).toBe(0);
    host?.runUntilIdle();
    expect(got('b')).toEqual([1514, 1514, 1514]);
    expect(tellGuest('a', { op: 'close' }).status).toBe(0);
  });

  it('a guest that is told all the same refuses by itself, counts it, and lives', () => {
    const { executor, machine } = hostOf();
    const sender = { destination: '00-15-5D-00-00-02', count: 1, length: 9000 };
    executor.post('vm:a', { op: 'send', sender });
    executor.post('vm:a', { op: 'respond', responder: { ipv4: ['nowhere'] } });
    executor.publish();
    host?.runUntilIdle();
    expect(host?.guestStatistics('a')['refused']).toBe(2);
    expect(machine.ledger.report().receivedFromGuests).toBe(0);
    expect(host?.tellGuest('a', { op: 'send', sender: { ...sender, length: 60 } }).status).toBe(0);
    host?.runUntilIdle();
    expect(got('b')).toEqual([60]);
  });
});

describe('createHost', () => {
  it('refuses wires that cannot hold the longest frame, before an agent finds out', () => {
    const sizes = { transmitWire: { slots: 16, dataBytes: 1024 } };
    expect(() => hostOf({}, { sizes })).toThrow('transmitWire: 1024 bytes, the longest frame needs 1600');
    expect(() => hostOf({ nic: { jumboPacket: 9014 } }, { wire: { slots: 16, dataBytes: 8192 } })).toThrow(
      'receiveWire: 8192 bytes, the longest frame needs 9088',
    );
  });
});
