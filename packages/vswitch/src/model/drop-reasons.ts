/**
 * Where a frame may end in the switch. One list of ends for the data path: the switch's own reasons first, then
 * those of the channels, which the switch counts for them.
 */
import { VMBUS_DROP_REASONS } from '@vmq/netvsc';

export const VSWITCH_DROP_REASONS = [
  /** Unicast to an address that is behind no port, and nobody is to get unknown unicast. */
  'dropped.vswitch.unknown-destination',
  /** Broadcast or multicast, and no other port is a connected member of the VLAN. */
  'dropped.vswitch.no-member-port',
  /** The address is a port's, but in another VLAN; or the sender may not use that VLAN. */
  'dropped.vswitch.vlan-mismatch',
  /** A VM sent from an address that is not its own and its port has no AllowMacSpoofing (SW-17). */
  'dropped.vswitch.mac-spoofing',
  /** The port is there, but its NIC is not connected (SW-22). */
  'dropped.vswitch.port-disconnected',
  /** The destination is behind the port the frame came from. */
  'dropped.vswitch.source-port',
  /** A VM queue held a frame for another address than its port's (SEC-07). */
  'dropped.vswitch.wrong-destination',
  /** Shorter than an Ethernet header. */
  'dropped.vswitch.runt',
  /** For the wire, while the binding to the adapter is paused or gone, or the adapter refused it as paused. */
  'dropped.vswitch.external-not-running',
  /** An extension dropped it, or took its last destination away (SW-26). */
  'dropped.vswitch.extension',
  /** To 01-80-C2-00-00-00 … 0F: between neighbours, and never forwarded (SW-27). */
  'dropped.vswitch.reserved-address',
  /** MAC control (type 88-08), such as PAUSE: the port's own business, not the stations'. */
  'dropped.vswitch.mac-control',
  /** From a group address or 00-00-00-00-00-00, which no station has. */
  'dropped.vswitch.invalid-source',
] as const;

export const DROP_UNKNOWN_DESTINATION = 0;
export const DROP_NO_MEMBER_PORT = 1;
export const DROP_VLAN_MISMATCH = 2;
export const DROP_MAC_SPOOFING = 3;
export const DROP_PORT_DISCONNECTED = 4;
export const DROP_SOURCE_PORT = 5;
export const DROP_WRONG_DESTINATION = 6;
export const DROP_RUNT = 7;
export const DROP_EXTERNAL_NOT_RUNNING = 8;
export const DROP_EXTENSION = 9;
export const DROP_RESERVED_ADDRESS = 10;
export const DROP_MAC_CONTROL = 11;
export const DROP_INVALID_SOURCE = 12;
/** Index of the first of the channel's reasons; add `ChannelHost.refusal`. */
export const DROP_VMBUS: number = VSWITCH_DROP_REASONS.length;

/** Every ledger counter in which the switch ends frames, indexed by the numbers above. */
export const SWITCH_END_REASONS: readonly string[] = [...VSWITCH_DROP_REASONS, ...VMBUS_DROP_REASONS];
