/**
 * What a processor knows of the ports: flat arrays indexed by port number, filled from a publication and only
 * read afterwards, and the VLAN rules over them (SW-18 … SW-20).
 *
 * A VLAN here is 0 … 4094, where 0 is the domain of frames without a tag. A port belongs to VLANs:
 *
 *   access n    to n alone; what it sends counts for n, what it gets has no tag
 *   trunk       to its list without the pruned ones; untagged frames are the native VLAN's, both ways
 *   external    to all; VLAN n is tagged n on the wire
 */
import type { ChannelHost } from '@vmq/netvsc';
import { keyA, keyB } from '../tables/mac-key.ts';
import { PortMacTable } from '../tables/port-mac-table.ts';
import { EXTERNAL_PORT, type PortImage, type SwitchState } from './messages.ts';

/** Bits of {@link PortTable.flags}. */
export const PORT_CONNECTED = 1;
export const PORT_TRUNK = 2;
export const PORT_ALLOW_MAC_SPOOFING = 4;

/** Priority and CFI bits of a TCI, and those of its VLAN. */
const PRIORITY_BITS = 0xf000;
const VLAN_BITS = 0x0fff;
/** 32-bit words of a VLAN bitmap. */
const VLAN_WORDS = 128;

/**
 * The TCI with which a frame of `tci` is handed to the guest of a port, 0 = no tag: the bits of `mask`
 * ({@link PortTable.egressMask}), and the port's own VLAN `vlan` without a tag.
 */
export function egressTci(tci: number, mask: number, vlan: number): number {
  const kept = tci & mask;
  return (kept & VLAN_BITS) === vlan ? kept & PRIORITY_BITS : kept;
}

export class PortTable {
  /** Ports with a NIC, connected or not, in ascending order. */
  list: Int32Array = new Int32Array(0);
  /** Ports that get unicast for unknown addresses. */
  unknownUnicast: Int32Array = new Int32Array(0);
  readonly flags: Int32Array;
  readonly macA: Int32Array;
  /** Last two bytes of the MAC, no VLAN. */
  readonly macB: Int32Array;
  /** Access VLAN, or a trunk's native VLAN. */
  readonly vlan: Int32Array;
  /** Bits of a TCI that the port's guest may see: its priority, and on a trunk the VLAN. */
  readonly egressMask: Int32Array;
  readonly team: Int32Array;
  readonly queueId: Int32Array;
  /** Port of a VM queue, -1 = none; indexed by queue id. */
  portOfQueue: Int32Array = new Int32Array(1).fill(-1);
  readonly addresses: PortMacTable = new PortMacTable();
  readonly channels: (ChannelHost | null)[];
  /** True while frames may go to the wire. */
  externalRunning = false;
  /** Bitmaps of the trunks' VLANs, by port. */
  readonly #trunkBits: Map<number, Int32Array> = new Map();

  constructor(maxPorts: number) {
    this.flags = new Int32Array(maxPorts);
    this.macA = new Int32Array(maxPorts);
    this.macB = new Int32Array(maxPorts);
    this.vlan = new Int32Array(maxPorts);
    this.egressMask = new Int32Array(maxPorts);
    this.team = new Int32Array(maxPorts);
    this.queueId = new Int32Array(maxPorts);
    this.channels = new Array<ChannelHost | null>(maxPorts).fill(null);
  }

  /** Takes over a publication, all but the channels. */
  load(state: SwitchState): void {
    this.flags.fill(0);
    this.queueId.fill(0);
    this.externalRunning = state.externalRunning;
    const ports = [...state.ports].sort((x, y) => x.port - y.port);
    this.list = Int32Array.from(ports, ({ port }) => port);
    let lastQueue = 0;
    let addresses = 0;
    for (const image of ports) {
      this.#loadPort(image);
      if (image.queueId > lastQueue) lastQueue = image.queueId;
      addresses += image.accessVlan < 0 ? image.trunkVlans.length + 1 : 1;
    }
    this.portOfQueue = new Int32Array(lastQueue + 1).fill(-1);
    for (const { port, queueId, connected } of ports) {
      if (queueId !== 0 && connected) this.portOfQueue[queueId] = port;
    }
    this.unknownUnicast = Int32Array.from(
      ports
        .filter((image) => image.connected && (state.floodUnknownUnicast || image.allowMacSpoofing))
        .map(({ port }) => port),
    );
    // Connected ports first: an address that a disconnected NIC still has is theirs.
    this.addresses.reset(addresses);
    for (const connected of [true, false]) {
      for (const image of ports) if (image.connected === connected) this.#addAddresses(image);
    }
  }

  /** True if the port belongs to the VLAN. */
  isMember(port: number, vlan: number): boolean {
    if (port === EXTERNAL_PORT) return true;
    if ((this.flags[port] & PORT_TRUNK) === 0) return this.vlan[port] === vlan;
    const bits = this.#trunkBits.get(port) as Int32Array;
    return ((bits[vlan >>> 5] >>> (vlan & 31)) & 1) === 1;
  }

  /** The VLAN that a frame counts for which the port's guest sent with `tci` (0 = no tag), or -1: not allowed. */
  ingressVlan(port: number, tci: number): number {
    const asked = tci & 0xfff;
    const own = this.vlan[port];
    if ((this.flags[port] & PORT_TRUNK) === 0) return asked === 0 || asked === own ? own : -1;
    const vlan = asked === 0 ? own : asked;
    return this.isMember(port, vlan) ? vlan : -1;
  }

  /** SW-17: whether the port's guest may send from this address. `b` without VLAN. */
  maySendFrom(port: number, a: number, b: number): boolean {
    if (this.macA[port] === a && this.macB[port] === b) return true;
    if ((this.flags[port] & PORT_ALLOW_MAC_SPOOFING) !== 0) return true;
    const team = this.team[port];
    if (team === 0) return false;
    for (const other of this.list) {
      if (this.team[other] === team && this.macA[other] === a && this.macB[other] === b) return true;
    }
    return false;
  }

  /** A connected port that has this address in whatever VLAN, or -1. For the reason of a drop, not for forwarding. */
  portWithAddress(a: number, b: number): number {
    for (const port of this.list) {
      if (this.macA[port] === a && this.macB[port] === b) return port;
    }
    return -1;
  }

  #loadPort(image: PortImage): void {
    const { port } = image;
    const trunk = image.accessVlan < 0;
    this.flags[port] =
      (image.connected ? PORT_CONNECTED : 0) |
      (trunk ? PORT_TRUNK : 0) |
      (image.allowMacSpoofing ? PORT_ALLOW_MAC_SPOOFING : 0);
    this.macA[port] = keyA(image.macHi, image.macLo);
    this.macB[port] = keyB(image.macLo, 0);
    this.vlan[port] = trunk ? image.nativeVlan : image.accessVlan;
    this.egressMask[port] =
      (image.preservePriority ? PRIORITY_BITS : 0) | (trunk && image.preserveVlan ? VLAN_BITS : 0);
    this.team[port] = image.team;
    this.queueId[port] = image.queueId;
    if (!trunk) return;
    const bits = new Int32Array(VLAN_WORDS);
    for (const vlan of image.trunkVlans) bits[vlan >>> 5] = bits[vlan >>> 5] | (1 << (vlan & 31));
    this.#trunkBits.set(port, bits);
  }

  #addAddresses(image: PortImage): void {
    const a = keyA(image.macHi, image.macLo);
    if (image.accessVlan >= 0) this.addresses.add(a, keyB(image.macLo, image.accessVlan), image.port);
    else for (const vlan of image.trunkVlans) this.addresses.add(a, keyB(image.macLo, vlan), image.port);
  }
}
