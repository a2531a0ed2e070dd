/** Guests that keep to VMBus and break the rules of the switch, or do nothing but disturb. */
import type { HostileBehaviour } from './behaviour.ts';
import { type GuestReach, goodHeader, taggedHeader } from './guest-reach.ts';
import { behave, forEver, inBouts, NOBODY } from './programs.ts';

const BROADCAST = new Uint8Array(6).fill(0xff);
const CHANNELMSG_CLOSECHANNEL = 7;

/** Frames that the switch drops, to the wire, to everybody and to a VM. */
function frames(
  name: string,
  does: string,
  drop: string,
  write: (guest: GuestReach, to: Uint8Array) => number,
) {
  return {
    name,
    does,
    countedAs: [`dropped.vswitch.${drop}`],
    channel: 'open',
    begins: 'running',
    program: (guest) =>
      inBouts(guest, (bout) => {
        const neighbour = guest.mac.map((byte, i) => (i === 5 ? byte ^ 1 : byte));
        const size = write(guest, [NOBODY, BROADCAST, neighbour][bout % 3]);
        guest.send(0, 0, size);
      }),
  } satisfies HostileBehaviour;
}

/** VLANs of other VMs and of nobody. */
const VLANS = [100, 200, 1, 4094, 4095];
const foreignVlan = (guest: GuestReach): number => VLANS[guest.random.below(VLANS.length)];

export const NETWORK_BEHAVIOURS: readonly HostileBehaviour[] = [
  frames(
    'source-spoofed',
    'sends frames with the source address of another VM',
    'mac-spoofing',
    (guest, to) => {
      const source = guest.mac.map((byte, i) => (i === 5 ? byte ^ 3 : byte));
      guest.header(0, goodHeader(60));
      guest.frame(0, 60, to, source, 0xee);
      return 124;
    },
  ),
  frames('source-of-a-group', 'sends frames with a group address as source', 'mac-spoofing', (guest, to) => {
    guest.header(0, goodHeader(60));
    guest.frame(0, 60, to, BROADCAST, 0xee);
    return 124;
  }),
  frames(
    'talks-to-bridges',
    'sends spanning tree, LACP, 802.1X and LLDP as if it were a neighbour of every other station',
    'reserved-address',
    (guest) => {
      const reserved = Uint8Array.of(0x01, 0x80, 0xc2, 0, 0, guest.random.below(16));
      guest.header(0, goodHeader(60));
      guest.frame(0, 60, reserved, guest.mac, 0xee);
      return 124;
    },
  ),
  frames(
    'pauses-others',
    'sends MAC control frames, to have others stop sending',
    'mac-control',
    (guest, to) => {
      guest.header(0, goodHeader(60));
      guest.frame(0, 60, to, guest.mac, 0xee);
      guest.memory.u8.set([0x88, 0x08, 0, 1, 0xff, 0xff], guest.section(0) + 64 + 12);
      return 124;
    },
  ),
  frames('vlan-beside-frame', 'asks for VLANs that are not its port’s', 'vlan-mismatch', (guest, to) => {
    guest.header(0, taggedHeader(60, foreignVlan(guest)));
    guest.frame(0, 60, to, guest.mac, 0xee);
    return 124;
  }),
  frames(
    'vlan-in-frame',
    'writes tags of VLANs that are not its port’s into its frames',
    'vlan-mismatch',
    (guest, to) => {
      const vlan = foreignVlan(guest);
      guest.header(0, goodHeader(64));
      guest.frame(0, 64, to, guest.mac, 0xee);
      guest.memory.u8.set([0x81, 0, vlan >> 8, vlan & 255, 0x88, 0xb6], guest.section(0) + 64 + 12);
      return 128;
    },
  ),
  {
    name: 'signal-flood',
    does: 'signals for as long as it lives, with nothing to say',
    countedAs: null,
    channel: 'open',
    begins: 'running',
    isTireless: true,
    besideDriver: true,
    program: (guest) =>
      forEver(guest, () => {
        for (let n = 0; n < 100; n++) guest.signal();
      }),
  },
  {
    name: 'hypercall-flood',
    does: 'makes hypercalls of all kinds for as long as it lives',
    countedAs: null,
    channel: 'open',
    begins: 'running',
    isTireless: true,
    *program(guest) {
      const { hypercalls, random } = guest;
      yield* forEver(guest, () => {
        guest.serve();
        const kind = [8, 5, 11, 13, 99, -1][random.below(6)];
        hypercalls.post(kind, random.below(4), random.next() | 0, random.next() | 0);
        hypercalls.take();
      });
    },
  },
  {
    name: 'closes-under-load',
    does: 'closes its channel while frames are on their way to it and from it',
    countedAs: null,
    channel: 'closing',
    begins: 'running',
    *program(guest) {
      while (!guest.hypercalls.post(CHANNELMSG_CLOSECHANNEL, 0)) yield true;
      yield* behave(guest);
    },
  },
];
