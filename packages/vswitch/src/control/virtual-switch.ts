/** What a switch is to the host: its options, its operations, and what they answer. */

import type { ProtocolDriver, SharedMemoryProvider } from '@vmq/ddi';
import type { Machine } from '@vmq/machine';
import type { ChannelControl } from '@vmq/netvsc';
import type { Block, SharedMemoryManager } from '@vmq/shared-memory';
import type { SwitchDataImage } from '../model/messages.ts';
import type { SwitchExtension } from '../model/switch-extension.ts';
import type { NicOptions, PortProperties } from '../model/switch-port.ts';
import type { VmqSetting } from '../vmq/vmq-capability.ts';
import type { DetachedTransport } from './publication.ts';
import type { PortReport, SwitchReport } from './switch-report.ts';

export type SwitchType = 'external' | 'internal' | 'private';

export interface SwitchOptions {
  readonly name: string;
  /** `external` binds to one adapter; `internal` has the host's own port; `private` neither (SW-24). */
  readonly type: SwitchType;
  readonly machine: Machine;
  readonly sharedMemory: SharedMemoryManager;
  /** Extensions; those of one type pass in the order given. Default: none. */
  readonly extensions?: readonly SwitchExtension[];
  /**
   * How to reach the data paths while no adapter is bound; needed by internal and private switches. An external switch
   * that has lost its adapter makes data paths there, and goes on among its VMs; without it, it rests.
   */
  readonly transport?: DetachedTransport;
  /**
   * NDIS version of the host; default 630. On 620 (Server 2008 R2) VM queues are split where the adapter can, and
   * what follows the lookahead is received into VM memory.
   */
  readonly hostVersion?: 620 | 630;
  /**
   * 620: bytes of a frame that stay in host memory to be looked at, and are copied; default 64: more than the addresses and
   * the tag that the switch looks at, and a cache line. Rounded into what the adapter can.
   */
  readonly lookaheadSize?: number;
  /** VMQ on adapters of 10 Gbit/s and more, and on slower ones (CAP-33); default 1. */
  readonly tenGigVmqEnabled?: VmqSetting;
  readonly belowTenGigVmqEnabled?: VmqSetting;
  /** VMQ processor set; default: all processors. */
  readonly vmqProcessors?: readonly number[];
  /** Most ports, external one included; default 256. */
  readonly maxPorts?: number;
  /** Addresses the switch can learn; default 4096. */
  readonly macTableEntries?: number;
  /** Seconds after which {@link VirtualSwitch.ageMacTable} forgets an address; default 0 = never. */
  readonly ageingSeconds?: number;
  /** Unknown unicast goes to every member port; default false: dropped, or sent to the wire. */
  readonly floodUnknownUnicast?: boolean;
  /** A heavier port takes the lightest one's queue when all are taken; default false. */
  readonly preemptByWeight?: boolean;
  /** NumSuggestedReceiveBuffers of each VM queue; default 256. */
  readonly suggestedReceiveBuffers?: number;
  /** Most packets of a channel that are read in a turn; at least 1, default 64. */
  readonly channelBudget?: number;
  /** Send buffers of each processor that polls a channel; default 512. */
  readonly sendBuffers?: number;
  /** Bytes of each, a multiple of 64; default 2112. Longer frames need more. */
  readonly sendBufferBytes?: number;
  /** Called with each block of send buffers, so that the adapter's DMA domain can be given it to read. */
  readonly grantSendBuffers?: (block: Block) => void;
}

/** NDIS_STATUS_SUCCESS, or a status and its reason. */
export interface SwitchResult {
  readonly status: number;
  readonly reason?: string;
}

export interface VirtualSwitch {
  readonly name: string;
  readonly type: SwitchType;
  /** To be registered with NDIS. */
  readonly protocolDriver: ProtocolDriver;
  readonly sharedMemoryProvider: SharedMemoryProvider;
  /** Blocks of send buffers so far: an adapter that comes later needs them granted too. */
  readonly sendBlocks: readonly Block[];
  /** OID_SWITCH_PORT_CREATE. RESOURCES when no port number is left, INVALID_PARAMETER for bad properties. */
  createPort(name: string, properties?: Partial<PortProperties>): SwitchResult & { readonly port: number };
  /** OID_SWITCH_NIC_CREATE. INVALID_PORT, INVALID_PORT_STATE, INVALID_PARAMETER, NOT_SUPPORTED. */
  createNic(port: number, nic: NicOptions): SwitchResult;
  /** Gives a NIC its (new) open channel. */
  attachChannel(port: number, channel: ChannelControl): SwitchResult;
  /** OID_SWITCH_NIC_CONNECT; a VM queue is asked for. */
  connectNic(port: number): SwitchResult;
  /** The same for several at once: one allocation completion for all (SW-04), queues by weight. */
  connectNics(ports: readonly number[]): SwitchResult;
  /** OID_SWITCH_NIC_DISCONNECT: when it returns no frame passes, and filters and queue are gone. */
  disconnectNic(port: number): SwitchResult;
  /** OID_SWITCH_NIC_DELETE: the channel is not used any more; the caller may close it. */
  deleteNic(port: number): SwitchResult;
  /** OID_SWITCH_PORT_TEARDOWN, then OID_SWITCH_PORT_DELETE once nobody refers to it. */
  teardownPort(port: number): SwitchResult;
  deletePort(port: number): SwitchResult;
  /** Keeps a port from being deleted, until as many dereferences. */
  referencePort(port: number): SwitchResult;
  dereferencePort(port: number): SwitchResult;
  /**
   * Sends frames (without FCS and tag) as if the VM of a connected port had sent them: the port's rules hold for
   * them, and they count as the guest's. Without hurry: they are on their way, not sent, when it returns.
   * INVALID_PORT_STATE, FAILURE without channel, INVALID_PARAMETER for a frame that fits no send buffer.
   */
  sendFor(port: number, frames: readonly Uint8Array[]): SwitchResult;
  /** Changes properties or the MAC of a port; its filters follow, and no wrong-VLAN frame passes (SW-23). */
  setPort(port: number, change: Partial<PortProperties> & Partial<Pick<NicOptions, 'mac'>>): SwitchResult;
  /**
   * Tries again to give back queues that the adapter would not take (its device did not answer, say), as every
   * disconnection does as well; returns how many it still has.
   */
  freeKeptQueues(): number;
  /** Forgets learned addresses not seen for `ageingSeconds`; returns how many. */
  ageMacTable(): number;
  /** For a data path that no binding makes: what `createSwitchDataPath` takes. */
  dataImage(): SwitchDataImage;
  inspect(): SwitchReport;
  /** What {@link inspect} shows of one port, without looking at the others; undefined if there is none. */
  inspectPort(port: number): PortReport | undefined;
}
