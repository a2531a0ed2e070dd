/**
 * The reference model of one adapter: told what was done to the real stack and what that showed, it says what is
 * wrong with it. Written from the requirements alone.
 *
 *   event, observation ──apply──> what the requirements forbid about it (nothing, if all is well)
 *
 * Where the requirements leave the stack a choice (which free id it assigns, how far a frame that was on its way
 * got), the model follows the stack after checking that the choice was one of those allowed.
 */
import {
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  statusName,
} from '@vmq/abi';
import {
  capabilityFaults,
  currentSetFaults,
  enumerationFaults,
  filterFaults,
  filterListFaults,
  indicationFaults,
  parameterFaults,
  queueFaults,
} from './comparisons.ts';
import { FrameTracker } from './frame-tracker.ts';
import { type FilterRecord, filterIdsOf, type QueueRecord, type World } from './records.ts';
import type { ReferenceEvent } from './reference-event.ts';
import { nextState } from './state-table.ts';
import { elementFault, faultsOf, goesToMiniport } from './verification.ts';
import type {
  Body,
  Caller,
  Completion,
  Indicated,
  Observation,
  PacketFilter,
  ReferenceProfile,
  Request,
} from './vocabulary.ts';

type Of<W extends Body['oid']> = Extract<Body, { oid: W }>;

export class ReferenceAdapter implements World {
  /** With the current set as it is now. */
  profile: ReferenceProfile;
  readonly stationMac: string;
  readonly queues: Map<number, QueueRecord> = new Map();
  readonly filters: Map<number, FilterRecord> = new Map();
  readonly frames: FrameTracker = new FrameTracker();
  /** What each caller has asked for; the miniport has all of it together. */
  readonly packetFilters: Map<Caller, PacketFilter> = new Map();
  readonly multicastLists: Map<Caller, readonly string[]> = new Map();
  running = true;
  memoryAvailable = true;
  /** The free that waits for NBLs, and the requests behind it (INIT-11). */
  pendingFree: { readonly request: Request; readonly queueId: number } | null = null;
  readonly waiting: Request[] = [];

  readonly #initial: ReferenceProfile;
  #problems: string[] = [];
  #completions: Completion[] = [];
  /** Indications that are due, as `queue 3 to A`. */
  #due: string[] = [];
  #leftovers = false;
  /** Frames indicated in this step. */
  #arrivals: readonly Indicated[] = [];

  constructor(profile: ReferenceProfile) {
    this.profile = profile;
    this.#initial = profile;
    this.stationMac = profile.stationMac;
    const defaults = { perQueueIndication: false, splitRequired: false, group: 0, suggestedBuffers: 0 };
    const names = { queueName: '', vmName: '' };
    const rest = { affinity: 1, lookaheadSize: 0, splitAt: 0, portId: 0, msixEntry: -1 };
    this.queues.set(0, { id: 0, owner: 'user', state: 'R', ...defaults, ...names, ...rest });
  }

  get packetFilter(): PacketFilter {
    const asked = [...this.packetFilters.values()];
    const any = (type: keyof PacketFilter): boolean => asked.some((one) => one[type]);
    return {
      directed: any('directed'),
      multicast: any('multicast'),
      allMulticast: any('allMulticast'),
      broadcast: any('broadcast'),
      promiscuous: any('promiscuous'),
    };
  }

  get multicastList(): readonly string[] {
    return [...this.multicastLists.values()].flat();
  }

  /** Everything that is wrong with `seen` after `event`; the model has then followed it. */
  apply(event: ReferenceEvent, seen: Observation): string[] {
    this.#problems = [];
    this.#completions = [...seen.completions];
    this.#due = [];
    this.#arrivals = seen.frames;
    this.#leftovers = false;
    this.frames.note(this);
    this.#happen(event);
    this.#problems.push(...this.frames.allIndicated(seen.frames, this));
    if (event.type !== 'request' && !(event.type === 'frames' && event.racing))
      this.#problems.push(...this.frames.settle());
    else this.frames.forgetStopped(this);
    for (const completion of this.#completions)
      this.#problems.push(`unexpected completion of ${completion.request.body.oid}`);
    const changed = event.type === 'capabilities';
    this.#problems.push(...capabilityFaults(this.profile, changed, seen.capabilities));
    this.#problems.push(...indicationFaults(this.#due, event.type === 'reopen', seen));
    this.#problems.push(...queueFaults(this, seen));
    const violations = seen.violations.filter((text) => !(this.#leftovers && text.startsWith('LIFE-09')));
    this.#problems.push(...violations.map((text) => `violation ${text}`));
    return this.#problems;
  }

  #happen(event: ReferenceEvent): void {
    switch (event.type) {
      case 'request':
        this.#submit(event.request);
        break;
      case 'frames':
        for (const frame of event.frames) this.frames.sent(frame, this);
        break;
      case 'return':
        this.frames.returned(event.numbers);
        this.#afterReturn();
        break;
      case 'memory':
        this.memoryAvailable = event.available;
        break;
      case 'capabilities':
        this.#withdraw(event.queues);
        break;
      case 'pause':
        this.running = false;
        this.frames.note(this);
        // LIFE-07: the protocol gives everything back.
        this.frames.returned([...this.frames.held.keys()]);
        this.#afterReturn();
        break;
      case 'restart':
        this.running = true;
        break;
      case 'reopen':
        this.#reopen();
        break;
      case 'settle':
        break;
    }
    this.frames.note(this);
  }

  // --- requests ---------------------------------------------------------------------------------------

  #submit(request: Request): void {
    if (this.pendingFree !== null && goesToMiniport(request)) this.waiting.push(request);
    else this.#start(request);
  }

  #afterReturn(): void {
    const free = this.pendingFree;
    if (free === null || this.frames.heldOn(free.queueId) > 0) return;
    this.pendingFree = null;
    this.#finishFree(free.request, free.queueId);
    while (this.pendingFree === null) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      this.#start(next);
    }
  }

  /** Verifies a request whose turn has come and, if nothing speaks against it, does what it asks. */
  #start(request: Request): void {
    const faults = faultsOf(request, this);
    if (!faults.every(({ mayPass }) => mayPass === true)) {
      const seen = this.#completionOf(request);
      if (seen === null) return;
      if (!faults.some(({ status }) => status === seen.status)) {
        const allowed = faults.map(({ rule, status }) => `${statusName(status)} (${rule})`).join(' or ');
        this.#problems.push(`${request.body.oid}: ${statusName(seen.status)}, expected ${allowed}`);
      }
      if (seen.status === NDIS_STATUS_INVALID_LENGTH && seen.bytesNeeded <= seen.bytesGiven)
        this.#problems.push(
          `INIT-12: ${request.body.oid}: BytesNeeded ${seen.bytesNeeded}, given ${seen.bytesGiven}`,
        );
      return;
    }
    if (request.body.oid === 'free queue') {
      this.#free(request, request.body.queueId);
      return;
    }
    const seen = this.#completionOf(request);
    if (seen === null) return;
    if (seen.status === NDIS_STATUS_SUCCESS) this.#succeed(request, seen);
    else if (!faults.some(({ status }) => status === seen.status))
      this.#problems.push(`${request.body.oid}: ${statusName(seen.status)}, expected SUCCESS`);
  }

  #completionOf(request: Request): Completion | null {
    const next = this.#completions[0];
    if (next?.request === request) {
      this.#completions.shift();
      this.#problems.push(...next.faults.map((fault) => `${request.body.oid}: ${fault}`));
      return next;
    }
    const found = next === undefined ? 'it is pending' : `${next.request.body.oid} completed instead`;
    this.#problems.push(`${request.body.oid} should have completed; ${found}`);
    return null;
  }

  #succeed({ body, caller, kind }: Request, seen: Completion): void {
    switch (body.oid) {
      case 'allocate queue':
        this.#allocate(body, caller, seen.id ?? 0, seen.msixEntry ?? 0);
        break;
      case 'complete allocation':
        this.#completeAllocation(body, caller, seen.elements ?? []);
        break;
      case 'set queue parameters':
        this.#setParameters(body);
        break;
      case 'set filter':
        this.#setFilter(body, caller, seen.id ?? 0);
        break;
      case 'clear filter':
        this.#clearFilter(body.filterId, body.queueId);
        break;
      case 'set packet filter':
        this.packetFilters.set(caller, body.accepts);
        break;
      case 'set multicast list':
        this.multicastLists.set(caller, body.addresses);
        break;
      case 'query queue parameters':
        this.#problems.push(...parameterFaults(this.#queue(body.queueId), this.profile.version, seen));
        break;
      case 'enumerate queues':
        this.#problems.push(
          ...enumerationFaults(this, kind === 'statistics' ? null : caller, this.profile.version, seen),
        );
        break;
      case 'query current capabilities':
        this.#problems.push(...currentSetFaults(this.profile, seen.capabilities));
        break;
      case 'enumerate filters':
        this.#problems.push(...filterListFaults(this, body.queueId, seen));
        break;
      case 'query filter':
        this.#problems.push(...filterFaults(this.filters.get(body.filterId) as FilterRecord, seen));
        break;
      default:
        break;
    }
    this.frames.note(this);
  }

  #allocate(body: Of<'allocate queue'>, owner: Caller, id: number, msixEntry: number): void {
    if (!(id >= 1 && id <= this.profile.numQueues && !this.queues.has(id))) {
      this.#problems.push(`QUE-07: QueueId ${id}, taken are ${[...this.queues.keys()].join(' ')}`);
      return;
    }
    const state = nextState('STA-01', 'U') ?? 'U';
    // INT-04: an entry of its own.
    const sharer = [...this.queues.values()].find((queue) => queue.msixEntry === msixEntry);
    if (sharer !== undefined) this.#problems.push(`INT-04: queue ${id} has the MSI-X entry of ${sharer.id}`);
    // QUE-05: the flag acts here; QUE-14: from 6.30 on it does not act at all.
    const splitAt = this.profile.version === 620 && body.splitRequired ? body.lookaheadSize : 0;
    this.queues.set(id, { ...body, id, owner, state, splitAt, msixEntry });
  }

  #completeAllocation(
    { queueIds }: Of<'complete allocation'>,
    caller: Caller,
    statuses: readonly number[],
  ): void {
    const refused = NDIS_STATUS_INVALID_PARAMETER;
    const starved = new Set<number>();
    queueIds.forEach((queueId, i) => {
      const fault = elementFault(queueId, caller, this);
      let allowed = [fault?.status ?? (this.memoryAvailable ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES)];
      // Named again after it could not be completed: a second try and a refusal are both defensible.
      if (starved.has(queueId)) allowed = [NDIS_STATUS_RESOURCES, refused];
      if (!allowed.includes(statuses[i] ?? -1))
        this.#problems.push(
          `QUE-17: element ${i} (queue ${queueId}): ${statusName(statuses[i] ?? -1)}, expected ` +
            allowed.map(statusName).join(' or '),
        );
      if (fault !== null) return;
      if (this.memoryAvailable) this.#move(queueId, 'STA-09');
      else starved.add(queueId);
      this.frames.note(this);
    });
  }

  #setParameters(body: Of<'set queue parameters'>): void {
    const queue = this.#queue(body.queueId);
    const { flags, affinity, buffers, name } = body.changes;
    this.queues.set(queue.id, {
      ...queue,
      ...(flags ? { perQueueIndication: body.perQueueIndication, splitRequired: body.splitRequired } : {}),
      ...(affinity ? { affinity: body.affinity } : {}),
      ...(buffers ? { suggestedBuffers: body.suggestedBuffers } : {}),
      ...(name ? { queueName: body.queueName } : {}),
    });
  }

  #setFilter(body: Of<'set filter'>, owner: Caller, id: number): void {
    if (id < 1 || this.filters.has(id)) {
      this.#problems.push(`FLT-03: FilterId ${id}, taken are ${[...this.filters.keys()].join(' ')}`);
      return;
    }
    const address = body.tests.find(({ field }) => field === 'destination');
    const vlan = body.tests.find(({ field }) => field === 'vlan');
    this.filters.set(id, {
      id,
      queueId: body.queueId,
      owner,
      mac: address?.mac ?? '',
      vlan: vlan?.vlan ?? null,
      untaggedOrZero: address?.untaggedOrZero ?? false,
    });
    this.#move(body.queueId, 'STA-04');
  }

  #clearFilter(filterId: number, queueId: number): void {
    this.filters.delete(filterId);
    this.#move(queueId, filterIdsOf(this, queueId).length === 0 ? 'STA-05' : 'STA-06');
  }

  #free(request: Request, queueId: number): void {
    this.#move(queueId, 'STA-11');
    this.#due.push(`queue ${queueId} to A`, `queue ${queueId} to B`);
    this.#move(queueId, 'STA-12');
    // A frame that was under way when its filter was cleared came up before that, in this same step.
    const arriving = this.running && this.frames.keepsOf(this.#arrivals, queueId);
    if (this.frames.heldOn(queueId) > 0 || arriving) this.pendingFree = { request, queueId };
    else this.#finishFree(request, queueId);
  }

  #finishFree(request: Request, queueId: number): void {
    const seen = this.#completionOf(request);
    if (seen !== null && seen.status !== NDIS_STATUS_SUCCESS)
      this.#problems.push(`QUE-32: free queue: ${statusName(seen.status)}, expected SUCCESS`);
    this.#forget(queueId);
  }

  #forget(queueId: number): void {
    this.queues.delete(queueId);
    this.frames.queueGone(queueId);
  }

  /** VM queues of the current set before anything changed it. */
  get mostQueues(): number {
    return this.#initial.numQueues;
  }

  /** CAP-31: queues and filters that exist stay what they are, whatever the current set has. */
  #withdraw(queues: number): void {
    const none = { vmq: false, numQueues: 0, maxFilters: 0, vlanTests: false };
    this.profile = { ...this.#initial, ...(queues === 0 ? none : { numQueues: queues }) };
  }

  /** LIFE-10: what B leaves behind NDIS clears and frees. */
  #reopen(): void {
    for (const filter of [...this.filters.values()]) {
      if (filter.owner !== 'B') continue;
      this.#leftovers = true;
      this.#clearFilter(filter.id, filter.queueId);
      this.frames.note(this);
    }
    for (const queue of [...this.queues.values()]) {
      if (queue.owner !== 'B') continue;
      this.#leftovers = true;
      this.#due.push(`queue ${queue.id} to A`);
      this.#forget(queue.id);
    }
    this.packetFilters.delete('B');
    this.multicastLists.delete('B');
    this.frames.note(this);
  }

  #queue(queueId: number): QueueRecord {
    return this.queues.get(queueId) as QueueRecord;
  }

  /** The default queue always behaves as R (STA-15). */
  #move(queueId: number, rule: string): void {
    const queue = this.#queue(queueId);
    if (queueId === 0) return;
    const state = nextState(rule, queue.state);
    if (state === null) throw new Error(`the reference model let ${rule} happen in state ${queue.state}`);
    this.queues.set(queueId, { ...queue, state });
  }
}
