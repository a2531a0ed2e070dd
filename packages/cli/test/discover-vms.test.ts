import { type CapturedPacket, readCapture } from '@vmq/capture';
import { describe, expect, it } from 'vitest';
import { ADDRESSES_TRACKED, VmDiscovery } from '../src/replay/discover-vms.ts';
import { BROADCAST, frame, PEER, pcap, VM1, VM2 } from './build-capture.test-support.ts';

function discover(frames: readonly Uint8Array[]): VmDiscovery {
  const discovery = new VmDiscovery();
  for (const packet of readCapture(pcap(...frames)).packets) discovery.see(packet, packet.capturedLength);
  return discovery;
}

describe('VM discovery', () => {
  it('takes unicast destinations, not groups, the zero address or fragments of a header', () => {
    const discovery = discover([
      frame({ destination: BROADCAST }),
      frame({ destination: '01005e000001' }),
      frame({ destination: '000000000000' }),
      frame({ destination: PEER, length: 13 }),
      frame({ destination: VM2 }),
      frame({ destination: VM1 }),
    ]);
    expect(discovery.choose()).toEqual([
      { name: 'vm1', mac: '00-15-5D-0A-00-02', vlan: 0, frames: 1 },
      { name: 'vm2', mac: '00-15-5D-0A-00-01', vlan: 0, frames: 1 },
    ]);
  });

  it('keeps those with most frames and names them by first appearance', () => {
    const third = '00155d0a0003';
    const discovery = discover([third, VM1, VM2, VM2, VM1].map((destination) => frame({ destination })));
    expect(discovery.found).toBe(3);
    expect(discovery.choose(2).map(({ name, mac }) => [name, mac])).toEqual([
      ['vm1', '00-15-5D-0A-00-01'],
      ['vm2', '00-15-5D-0A-00-02'],
    ]);
    expect(discovery.choose(1).map(({ mac }) => mac)).toEqual(['00-15-5D-0A-00-01']);
  });

  it('puts a VM in the VLAN of most of its frames; a priority tag is VLAN 0; 4095 is none', () => {
    const vlans = (...ids: (number | undefined)[]) =>
      discover(
        ids.map((vlan) => frame(vlan === undefined ? { destination: VM1 } : { destination: VM1, vlan })),
      )
        .choose()
        .map(({ vlan }) => vlan);
    expect(vlans(undefined, 100, 100)).toEqual([100]);
    expect(vlans(0, undefined, 100)).toEqual([0]);
    expect(vlans(200, 100)).toEqual([100]);
    expect(vlans(4095, 4095, 4094)).toEqual([4094]);
    expect(vlans(4095)).toEqual([0]);
  });

  it('stays in bounded memory when every frame has another destination', () => {
    const discovery = new VmDiscovery();
    const bytes = frame({ destination: '020000000000' });
    const packet = { bytes, offset: 0 } as unknown as CapturedPacket;
    for (let i = 0; i < ADDRESSES_TRACKED + 10; i++) {
      bytes.writeUInt32BE(i, 2);
      discovery.see(packet, bytes.length);
    }
    // All but the peer that sends them.
    expect(discovery.found).toBe(ADDRESSES_TRACKED - 1);
    expect(discovery.untracked).toBe(11);
    expect(discovery.choose()).toHaveLength(64);
  });

  const A = '020000000001';
  const B = '020000000002';
  const C = '020000000003';
  const D = '020000000004';
  /** `from>to`, with `<` or `>` in front for inbound and outbound. */
  const conversation = (...frames: readonly string[]): VmDiscovery => {
    const discovery = new VmDiscovery();
    const address: Readonly<Record<string, string>> = {
      a: A,
      b: B,
      c: C,
      d: D,
      v: VM1,
      w: VM2,
      '*': BROADCAST,
    };
    for (const text of frames) {
      const [, way, source, destination] = /^([<>]?)(.)>(.)$/.exec(text) as unknown as [
        string,
        string,
        string,
        string,
      ];
      const bytes = frame({ source: address[source], destination: address[destination] });
      const flags = way === '' ? null : way === '<' ? 1 : 2;
      discovery.see({ bytes, offset: 0, flags } as unknown as CapturedPacket, bytes.length);
    }
    return discovery;
  };
  const macs = (discovery: VmDiscovery): string =>
    discovery
      .choose()
      .map(({ mac }) => ['a', 'b', 'c', 'd'][Number(mac.slice(-1)) - 1])
      .join('');

  it.each([
    ['what comes in is for VMs, from peers', 'b', ['<a>b', '<a>b']],
    ['what goes out is from VMs, and says nothing of whom it is for', 'a', ['>a>b']],
    ['a VM that another VM speaks to is found by what comes in for it', 'ba', ['>a>b', '<c>b', '<c>a']],
    ['a peer that is flooded to the NIC stays a peer', 'c', ['<a>b', '<b>a', '<a>c']],
    ['a VM that sends groups alone', 'a', ['>a>*', '<b>*']],
    [
      'an address that was here and elsewhere counts by where it was more',
      'ba',
      ['>a>b', '>a>c', '<a>b', '<c>b'],
    ],
    ['hypervisor addresses do not count against directions', 'a', ['<v>a', '>a>v']],
    ['a frame without flags among others with flags', 'b', ['<a>b', 'b>a', 'c>d']],
  ])('by directions: %s', (_, expected, frames) => {
    const discovery = conversation(...frames);
    expect(discovery.evidence).toBe('directions');
    expect(macs(discovery)).toBe(expected);
  });

  it('by addresses: those of hypervisors are VMs, also ones that are never sent to', () => {
    const discovery = conversation('a>v', 'v>a', 'w>*', 'b>c');
    expect(discovery.evidence).toBe('addresses');
    expect(discovery.choose().map(({ mac }) => mac)).toEqual(['00-15-5D-0A-00-01', '00-15-5D-0A-00-02']);
    expect(discovery.peers).toBe(2);
  });

  it.each([
    ['the first unicast frame is to a VM', 'b', 1, ['a>*', 'a>b', 'b>a']],
    ['whoever a peer talks with is a VM', 'bc', 1, ['a>b', 'b>a', 'a>c', 'c>a']],
    ['whoever a VM talks with is a peer', 'b', 1, ['a>b', 'c>b', 'b>a']],
    ['many that talk with one are the VMs', 'bcd', 1, ['b>a', 'c>a', 'd>a', 'a>b', 'a>c', 'a>d']],
    ['nobody answers: no peer is sent to', 'bc', 0, ['a>b', 'd>c']],
  ])('by conversations: %s', (_, expected, peers, frames) => {
    const discovery = conversation(...frames);
    expect(discovery.evidence).toBe('conversations');
    expect(macs(discovery)).toBe(expected);
    expect(discovery.peers).toBe(peers);
  });
});
