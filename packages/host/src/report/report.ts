/**
 * What a host says of itself: plain data, the members named as Windows prints them where Windows has a name.
 */
import type { LedgerReport } from '@vmq/machine';
import type { ChannelPhase, VmbusViolation } from '@vmq/netvsc';
import type { VmqGate } from './vmq-gates.ts';

/** One receive queue, shaped as `Get-NetAdapterVmqQueue` prints it, and what it has done. */
export interface QueueReport {
  /** The adapter's name. */
  readonly Name: string;
  readonly QueueID: number;
  /** Running, Paused or DmaStopped (NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE). */
  readonly State: string;
  readonly NumFilters: number;
  readonly ProcessorGroup: number;
  /** Hexadecimal, as the cmdlet's ProcessorAffinityMask. */
  readonly ProcessorAffinityMask: string;
  /** The one processor that serves the queue: that of its MSI-X entry. */
  readonly Processor: number;
  readonly VmFriendlyName: string;
  readonly QueueName: string;
  /** What its filters test; empty for the default queue. */
  readonly FilterList: readonly {
    readonly FilterId: number;
    readonly MacAddress: string;
    readonly VlanID: string;
  }[];
  readonly MsixEntry: number;
  /** Frames and bytes that the NIC wrote to the queue's buffers. */
  readonly frames: number;
  readonly bytes: number;
  readonly droppedNoDescriptor: number;
}

/** One port of the switch. */
export interface PortReport {
  readonly PortId: number;
  readonly VmName: string;
  readonly MacAddress: string;
  /** Access VLAN, 0 = untagged. */
  readonly VlanID: number;
  /** Queue that serves it; 0 = the default queue. */
  readonly QueueID: number;
  readonly Processor: number;
  /** To the VM. */
  readonly framesDelivered: number;
  readonly bytesDelivered: number;
  /** From the VM. */
  readonly framesSent: number;
  readonly bytesSent: number;
  /** Frames for or from this port that were dropped at the switch or its channel. */
  readonly framesDropped: number;
  /** What its guest has done wrong on its channel, by the names of VMBUS_VIOLATIONS, when it has done so. */
  readonly violations?: Readonly<Partial<Record<VmbusViolation, number>>>;
  /** `broken` or `closing`, when its channel is not open any more. */
  readonly channelPhase?: ChannelPhase;
  /** Why it has no queue of its own, when it has none. */
  readonly noQueueReason?: string;
}

export interface HostReport {
  readonly name: string;
  readonly executor: 'deterministic' | 'threads';
  readonly processors: number;
  /** VM queues can be had now: what is, whatever was asked for. */
  readonly vmq: boolean;
  /** What was asked for: the configuration's `vmq`. */
  readonly vmqRequested: boolean;
  /** Everything that decides about {@link vmq}, which is true if all of it is open. */
  readonly vmqGates: readonly VmqGate[];
  /** Processors that the switch spreads VM queues over, in this order. */
  readonly vmqProcessors: readonly number[];
  /** `received = Σ ends` when everything is at rest. */
  readonly ledger: LedgerReport;
  readonly conservation: boolean;
  readonly queues: readonly QueueReport[];
  readonly ports: readonly PortReport[];
}
