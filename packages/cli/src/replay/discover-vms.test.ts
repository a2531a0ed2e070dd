import { type CapturedPacket, readCapture } from '@vmq/capture';
import { describe, expect, it } from 'vitest';
import { BROADCAST, frame, PEER, pcap, VM1, VM2 } from '../../test/build-capture.ts';
import { ADDRESSES_TRACKED, VmDiscovery } from './discover-vms.ts';

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
    const discovery = discover([PEER, VM1, VM2, VM2, VM1].map((destination) => frame({ destination })));
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
    const bytes = frame({ destination: VM1 });
    const packet = { bytes, offset: 0 } as unknown as CapturedPacket;
    for (let i = 0; i < ADDRESSES_TRACKED + 10; i++) {
      bytes.writeUInt32BE(i, 2);
      discovery.see(packet, bytes.length);
    }
    expect(discovery.found).toBe(ADDRESSES_TRACKED);
    expect(discovery.untracked).toBe(10);
    expect(discovery.choose()).toHaveLength(64);
  });
});
