/**
 * Who gets a VM queue, on which processor, and what becomes of the rest.
 *
 *   connected port ──fit for a queue?──> by weight ──ALLOCATE, SET_FILTER──> one completion for all ──> queue
 *        │ no                              │ none left, or refused               │ element failed
 *        └─────────────────────────────────┴──── filter on queue 0 (SW-08) <─────┘
 *
 * Weight decides among ports that ask together and among those that wait; a port that has a queue keeps it
 * (unless `preemptByWeight`), and whenever one comes free the best waiting port gets it. How Windows weighs is
 * not documented: this is the model's rule.
 */
import { NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS, statusName } from '@vmq/abi';
import type { SectionLoan } from '@vmq/netvsc';
import type { SwitchPort } from '../model/switch-port.ts';
import {
  type AllocationEvent,
  type AllocationLedger,
  REASON_MAXIMUM_EXCEEDED,
  REASON_OID_FAILED,
} from './allocation-ledger.ts';
import { AllocationNotes } from './allocation-notes.ts';
import type { ProcessorAssignment } from './processor-assignment.ts';
import { QueueFilters } from './queue-filters.ts';
import type { ReceiveFilterRequests } from './receive-filter-requests.ts';
import type { VmqCapability } from './vmq-capability.ts';

export interface VmQueueManagerOptions {
  readonly switchName: string;
  /** NumSuggestedReceiveBuffers of each queue. */
  readonly suggestedBuffers: number;
  /** 6.20 hosts: bytes at which VM queues' frames are to be split where the adapter can; 0 = not at all. */
  readonly lookaheadSize: number;
  /** A port of higher weight takes the queue of the port with the lowest. */
  readonly preemptByWeight: boolean;
  readonly processors: ProcessorAssignment;
  readonly ledger: AllocationLedger;
  /** Connected ports, at this moment. */
  ports(): readonly SwitchPort[];
  /** Lets the data paths know which queue is whose. */
  publish(): void;
}

export class VmQueueManager {
  readonly #options: VmQueueManagerOptions;
  readonly #notes: AllocationNotes;
  readonly #filters: QueueFilters;
  #requests: ReceiveFilterRequests | null = null;
  #capability: VmqCapability;
  #asked = 0;
  /** No queue could be had when ports asked: when one can, all are asked for anew. */
  #isOff: boolean;

  constructor(options: VmQueueManagerOptions, capability: VmqCapability) {
    this.#options = options;
    this.#notes = new AllocationNotes(options.ledger, options.switchName);
    this.#filters = new QueueFilters(capability);
    this.#capability = capability;
    this.#isOff = !capability.queues;
  }

  get capability(): VmqCapability {
    return this.#capability;
  }

  /** The binding has come, has changed its capabilities, or (null) has gone. */
  attach(requests: ReceiveFilterRequests | null, capability: VmqCapability): void {
    this.#filters.attach(requests, capability);
    if (requests !== this.#requests) this.#isOff = false;
    this.#requests = requests;
    this.#capability = capability;
    this.#isOff ||= !capability.queues;
  }

  /** Requests are under way: what they are about must not be changed from outside. */
  get isBusy(): boolean {
    return this.#requests?.isWaiting ?? false;
  }

  /** Ports whose queues the current set has no longer: all, those it has no use for, the lightest beyond its number. */
  get overdue(): readonly SwitchPort[] {
    const { holders } = this;
    if (!this.#capability.queues) return holders;
    const fit = this.#ranked(holders.filter((port) => this.#unfit(port) === ''));
    const keep = fit.slice(0, this.#capability.numQueues);
    return holders.filter((port) => !keep.includes(port));
  }

  /**
   * The current set has changed (CAP-32): queues that it has no longer are given back at once, and what can be had is
   * asked for. Whoever loses its queue is served from queue 0; without filters there the adapter must let in all.
   */
  adjust(): void {
    const requests = this.#requests;
    if (requests === null) return;
    const { queues, filters, reason, numQueues } = this.#capability;
    for (const port of this.overdue) {
      const unfit = this.#unfit(port);
      this.giveUp(port, unfit === '' ? `the adapter has ${numQueues} VM queues now` : unfit);
    }
    if (!filters) for (const port of this.#options.ports()) this.clearFilters(port);
    if (!queues) for (const port of this.#options.ports()) port.withoutQueue = reason;
    const waiting = this.#options.ports().filter(({ queueId }) => queueId === 0);
    if (queues && this.#isOff) {
      this.#isOff = false;
      this.serve(waiting);
      return;
    }
    this.promote();
    for (const port of waiting) if (port.queueId === 0) this.#filters.setOnDefaultQueue(port);
  }

  /** Tries once more to free the queues that the adapter would not take back; how many it still has. */
  freeKept(): number {
    return this.#filters.freeKept();
  }

  /** Ports that hold a queue now. */
  get holders(): readonly SwitchPort[] {
    return this.#options.ports().filter(({ queueId }) => queueId !== 0);
  }

  /** Serves newly connected (or changed) ports: a queue where possible, a filter on queue 0 otherwise. */
  serve(ports: readonly SwitchPort[]): void {
    this.freeKept();
    if (this.#requests === null) {
      for (const port of ports) port.withoutQueue = this.#capability.reason;
      return;
    }
    for (const port of ports) {
      port.requestedAt = ++this.#asked;
      const unfit = this.#unfit(port);
      if (unfit === '')
        this.#notes.add('requested', port, NDIS_STATUS_SUCCESS, 'a VM queue for its MAC and VLAN');
      else {
        port.withoutQueue = unfit;
        this.#notes.add('refused', port, NDIS_STATUS_SUCCESS, unfit);
      }
    }
    const fit = ports.filter((port) => this.#unfit(port) === '');
    this.#allocate(fit, 'granted');
    for (const port of ports) if (port.queueId === 0) this.#filters.setOnDefaultQueue(port);
  }

  /** Takes a port's queue and filters away: in order, each step waited for (MIG-02, LIFE-09). */
  release(port: SwitchPort, event: AllocationEvent, reason: string): void {
    const { queueId, queueProcessor } = port;
    this.freeKept();
    this.clearFilters(port);
    const { filters } = port;
    port.filters = [];
    if (port.lookahead !== 0) {
      // Without filters the NIC writes nothing more into the queue's buffers: what the guest has of them it may
      // keep, and the NBLs come back now. So no guest can hold up the free (QUE-32).
      port.lookahead = 0;
      this.#options.publish();
    }
    const status = this.#filters.giveBack(queueId, port.id, filters);
    if (queueId === 0) return;
    this.#options.processors.give(queueProcessor);
    const note = status === NDIS_STATUS_SUCCESS ? reason : `${reason}; FREE_QUEUE: ${statusName(status)}`;
    this.#notes.add(event, port, status, note);
    port.queueId = 0;
    port.queueProcessor = -1;
    port.withoutQueue = reason;
  }

  /**
   * Takes a port's queue away as {@link release} does; it waits on queue 0 for {@link promote}. Its filter there is set
   * first where there is room: the one on its queue has precedence, and no frame finds neither.
   */
  giveUp(port: SwitchPort, reason: string, event: AllocationEvent = 'released'): void {
    if (this.#capability.filters) this.#filters.set(port, 0);
    const there = port.filters.filter(({ queueId }) => queueId === 0);
    port.filters = port.filters.filter(({ queueId }) => queueId !== 0);
    this.release(port, event, reason);
    port.filters = there;
    this.#filters.setOnDefaultQueue(port);
    this.#options.publish();
  }

  /** Clears what filters a port has, wherever they are; it keeps those that would not go. */
  clearFilters(port: SwitchPort): void {
    this.#filters.clearAll(port);
  }

  /** Sets the filter of a port that keeps its place, after its MAC or VLAN has changed (SW-23). */
  refilter(port: SwitchPort): void {
    const requests = this.#requests;
    if (requests === null) return;
    if (port.queueId !== 0) {
      const unfit = this.#unfit(port);
      const answer = unfit === '' ? this.#filters.set(port, port.queueId) : NDIS_STATUS_SUCCESS;
      if (unfit === '' && answer === NDIS_STATUS_SUCCESS) {
        this.#notes.add('refiltered', port, NDIS_STATUS_SUCCESS, 'its MAC or VLAN has changed');
        return;
      }
      this.release(port, 'released', unfit === '' ? `SET_FILTER: ${statusName(answer)}` : unfit);
      this.#options.publish();
      this.promote();
    }
    if (port.queueId === 0) this.#filters.setOnDefaultQueue(port);
  }

  /** Gives queues that are free to the best of the ports that wait. */
  promote(): void {
    if (this.#requests === null) return;
    const waiting = this.#options
      .ports()
      .filter((port) => port.queueId === 0 && port.requestedAt !== 0 && this.#unfit(port) === '');
    if (this.#free > 0 && waiting.length > 0) this.#allocate(waiting, 'promoted');
  }

  /** True if every connected port's MAC is in a filter somewhere: unknown unicast need not be taken in. */
  get allFiltered(): boolean {
    return this.#capability.filters && this.#options.ports().every((port) => this.#filters.isFiltered(port));
  }

  get #free(): number {
    return this.#capability.queues ? this.#capability.numQueues - this.holders.length : 0;
  }

  /** Why a port may have no VM queue at all, or ''. */
  #unfit(port: SwitchPort): string {
    const { vlan, vmqWeight } = port.properties;
    if (!this.#capability.queues) return this.#capability.reason;
    if (vmqWeight === 0) return 'its VMQOffloadWeight is 0';
    if (vlan.mode === 'trunk') return 'trunk ports get no VM queue';
    if (vlan.vlan !== 0 && !this.#capability.vlanFiltering) return 'the adapter filters no VLANs';
    return '';
  }

  /** Heaviest first, then whoever asked first. */
  #ranked(ports: readonly SwitchPort[]): SwitchPort[] {
    const weight = (port: SwitchPort): number => port.properties.vmqWeight;
    return [...ports].sort((x, y) => weight(y) - weight(x) || x.requestedAt - y.requestedAt);
  }

  #allocate(fit: readonly SwitchPort[], event: 'granted' | 'promoted'): void {
    const begun: SwitchPort[] = [];
    for (const port of this.#ranked(fit)) {
      if (this.#free === 0 && !this.#preempt(port)) {
        // Waiting ports have been told already.
        if (event === 'granted') this.#refuse(port, NDIS_STATUS_RESOURCES, REASON_MAXIMUM_EXCEEDED, '');
        continue;
      }
      if (this.#begin(port)) begun.push(port);
    }
    if (begun.length === 0) return;
    // Before frames come on the new queues the data paths know whose they are.
    this.#options.publish();
    const requests = this.#requests as ReceiveFilterRequests;
    const statuses = requests.completeAllocation(begun.map(({ queueId }) => queueId));
    let failed = false;
    begun.forEach((port, i) => {
      const status = statuses[i];
      if (status === NDIS_STATUS_SUCCESS) {
        port.withoutQueue = '';
        this.#notes.add(event, port, status, `queue ${port.queueId} on processor ${port.queueProcessor}`);
        this.#filters.leaveDefaultQueue(port);
        return;
      }
      failed = true;
      this.#undo(port);
      this.#refuse(port, status, REASON_OID_FAILED, 'QUEUE_ALLOCATION_COMPLETE');
    });
    if (failed) this.#options.publish();
  }

  /** ALLOCATE_QUEUE and SET_FILTER; what it got is released again if the second fails. */
  #begin(port: SwitchPort): boolean {
    const requests = this.#requests as ReceiveFilterRequests;
    const { processors, suggestedBuffers } = this.#options;
    const lookaheadSize = this.#lookahead();
    // A split queue's buffers come back with the guest's completions: both belong on one processor.
    const preferred = port.nic?.processor ?? (lookaheadSize === 0 ? null : port.channelProcessor);
    const processor = processors.take(preferred);
    const { status, queueId } = requests.allocateQueue({
      vmName: port.nic?.vmName ?? '',
      queueName: port.nic?.name ?? '',
      portId: port.id,
      processor,
      suggestedBuffers,
      lookaheadSize,
    });
    if (status !== NDIS_STATUS_SUCCESS) {
      processors.give(processor);
      this.#refuse(port, status, REASON_OID_FAILED, 'ALLOCATE_QUEUE');
      return false;
    }
    port.queueId = queueId;
    port.queueProcessor = processor;
    port.lookahead = lookaheadSize;
    const filterStatus = this.#filters.set(port, queueId);
    if (filterStatus === NDIS_STATUS_SUCCESS) return true;
    this.#undo(port);
    this.#refuse(port, filterStatus, REASON_OID_FAILED, 'SET_FILTER');
    return false;
  }

  /** SW-08: releases what an allocation got, and leaves its filter on queue 0 alone. */
  #undo(port: SwitchPort): void {
    const before = port.filters.filter(({ queueId }) => queueId !== 0);
    port.filters = port.filters.filter(({ queueId }) => queueId === 0);
    this.#filters.giveBack(port.queueId, port.id, this.#filters.clear(before, port.id));
    this.#options.processors.give(port.queueProcessor);
    port.queueId = 0;
    port.queueProcessor = -1;
    port.lookahead = 0;
  }

  /** LookaheadSize to ask for: the wanted one as far as the adapter splits so, 0 if it does not. */
  #lookahead(): number {
    const { lookaheadMin, lookaheadMax, ndis } = this.#capability;
    if (this.#options.lookaheadSize === 0 || ndis !== 620) return 0;
    return Math.min(Math.max(this.#options.lookaheadSize, lookaheadMin), lookaheadMax);
  }

  /**
   * SEC-04: VM memory for the post-lookahead buffers of a queue, if frames on it are split and a filter with MAC and
   * VLAN stands before it (every filter that a 6.20 adapter accepts on a VM queue has both, FLT-18).
   */
  loanVmMemory(queueId: number, bytes: number): SectionLoan | string {
    const port = this.#options.ports().find((candidate) => candidate.queueId === queueId);
    if (port === undefined) return 'no connected port has the queue';
    if (port.lookahead === 0) return 'frames of the queue are not split';
    if (!port.filters.some((filter) => filter.queueId === queueId)) return 'the queue has no filter yet';
    if (port.channel?.isOpen !== true) return 'its VM has no open channel';
    return port.channel.loan(bytes) ?? `its VM's receive buffer has no ${bytes} bytes to spare`;
  }

  #preempt(port: SwitchPort): boolean {
    if (!this.#options.preemptByWeight) return false;
    const victim = this.#ranked(this.holders).at(-1);
    if (victim === undefined || victim.properties.vmqWeight >= port.properties.vmqWeight) return false;
    const reason = `port ${port.id} (${port.nic?.vmName}) has weight ${port.properties.vmqWeight}`;
    this.giveUp(victim, reason, 'preempted');
    return true;
  }

  #refuse(port: SwitchPort, status: number, reason: string, oid: string): void {
    const vetoedBy = oid === 'ALLOCATE_QUEUE' || oid === 'SET_FILTER' ? (this.#requests?.vetoedBy ?? '') : '';
    this.#notes.refuse(port, status, reason, { oid, vetoedBy, holders: this.#ranked(this.holders) });
  }
}
