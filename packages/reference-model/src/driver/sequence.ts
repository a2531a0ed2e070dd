/**
 * Runs sequences of steps on one bench and compares it with the reference model after each of them.
 *
 * A bench outlives its sequences: after each one everything is cleared, freed and returned, by requests that are
 * compared as well, so every sequence begins with an adapter that has only its default queue.
 */
import {
  NDIS_RECEIVE_QUEUE_STATE,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  NDIS_STATUS_RECEIVE_QUEUE_STATE,
  NDIS_STATUS_SUCCESS,
  statusName,
} from '@vmq/abi';
import { type OidRequest, type StatusIndication, setRequest } from '@vmq/ddi';
import { OID_VMQ_MINIPORT_VM_QUEUES } from '@vmq/miniport';
import { refusalLine } from '@vmq/ndis';
import { ReferenceAdapter } from '../reference/reference-adapter.ts';
import type { ReferenceEvent } from '../reference/reference-event.ts';
import type {
  Caller,
  CapabilitiesIndicated,
  Completion,
  Observation,
  QueueStateIndicated,
  Request,
} from '../reference/vocabulary.ts';
import { type Bench, type BenchOptions, createBench } from './bench.ts';
import { capabilitiesSeen, completionOf } from './completion.ts';
import { describeEvent } from './describe-event.ts';
import type { RecordingMessage } from './recording-protocol.ts';
import { type AbiVersion, oidRequestOf } from './request-bytes.ts';
import { packetFilter, resolveStep } from './resolve-step.ts';
import type { Step } from './steps.ts';
import { frameBytes } from './test-frame.ts';

/** Whether the NBLs that are still held go back before their queues are freed, or after: then the frees pend. */
export type Ending = 'return first' | 'free first';

/** What a run has done, by what it was. */
export interface Tally {
  steps: number;
  requests: number;
  frames: number;
  /** Frames indicated on VM queues. */
  onQueues: number;
  returned: number;
  pended: number;
  statuses: Map<string, number>;
}

export function emptyTally(): Tally {
  return { steps: 0, requests: 0, frames: 0, onQueues: 0, returned: 0, pended: 0, statuses: new Map() };
}

/** The stack and the model disagree; the message tells every step up to there. */
export class Disagreement extends Error {
  override readonly name = 'Disagreement';
}

export class SequenceDriver {
  readonly tally: Tally = emptyTally();
  readonly #bench: Bench;
  readonly #version: AbiVersion;
  #model: ReferenceAdapter;
  #nextFrame = 1;
  /** What was done in this sequence. */
  #story: ReferenceEvent[] = [];
  /** `allocate queue: NDIS_STATUS_SUCCESS` and so on, in the order in which they were asked. */
  #statuses: string[] = [];
  readonly #asked = new Map<Request, number>();

  // What was seen since the last step.
  #completions: Completion[] = [];
  #indications: QueueStateIndicated[] = [];
  #capabilities: CapabilitiesIndicated[] = [];
  #violations: string[] = [];
  readonly #pending = new Map<OidRequest, Request>();

  constructor(options: BenchOptions) {
    const listener = (to: 'A' | 'B') => ({
      completed: (oidRequest: OidRequest, status: number) => this.#completed(oidRequest, status),
      indicated: (indication: StatusIndication) => this.#indicated(to, indication),
    });
    this.#bench = createBench(options, { A: listener('A'), B: listener('B') });
    this.#version = options.kind.startsWith('6.20') ? 620 : 630;
    this.#model = new ReferenceAdapter(this.#bench.profile);
    this.#bench.ndis.refusals.subscribe((record) => {
      if (record.kind === 'violation') this.#violations.push(refusalLine(record));
    });
  }

  /** Takes the steps, then clears up. Throws a {@link Disagreement}. Returns the statuses, in the order of the
   * requests. */
  run(steps: readonly Step[], ending: Ending = 'return first'): readonly string[] {
    this.#story = [];
    this.#statuses = [];
    this.#asked.clear();
    for (const step of steps) this.#step(step);
    this.#clearUp(ending);
    return this.#statuses;
  }

  stop(): Promise<void> {
    return this.#bench.stop();
  }

  #step(step: Step): void {
    const event = resolveStep(step, this.#model, this.#nextFrame);
    if (event === null) return;
    const completions = this.#event(event, step.do === 'return' && step.oneByOne);
    const [only] = completions;
    // INIT-12: with the size that was asked for, the lengths are right.
    if (event.type !== 'request' || completions.length !== 1 || only?.request !== event.request) return;
    const { request } = event;
    const { body } = request;
    const curable = !('geometry' in body) || body.geometry === 'fine';
    const cured = curable && (request.input === 'short' || request.output === 'short');
    if (only.status !== NDIS_STATUS_INVALID_LENGTH || !cured) return;
    const outputAlone = request.input === 'whole';
    this.#event({
      type: 'request',
      request: { ...request, input: 'whole', output: 'whole', room: outputAlone ? only.bytesNeeded : null },
    });
  }

  /** Does it, looks, compares. */
  #event(event: ReferenceEvent, oneByOne: boolean = false): readonly Completion[] {
    this.tally.steps++;
    this.#story.push(event);
    this.#perform(event, oneByOne);
    const seen = this.#observe();
    this.#count(event, seen);
    const problems = this.#model.apply(event, seen);
    if (problems.length > 0) throw this.#disagreement(problems);
    return seen.completions;
  }

  #perform(event: ReferenceEvent, oneByOne: boolean): void {
    const bench = this.#bench;
    switch (event.type) {
      case 'request':
        this.#submit(event.request);
        return;
      case 'frames':
        this.#nextFrame += event.frames.length;
        bench.transmit(event.frames.map(frameBytes));
        if (event.racing) return;
        break;
      case 'return': {
        const message: RecordingMessage = { op: 'return', numbers: event.numbers, oneByOne };
        for (const { binding } of [bench.A, bench.B]) {
          binding?.post('all', message);
          binding?.publish();
        }
        break;
      }
      case 'memory':
        bench.memoryAvailable = event.available;
        break;
      case 'capabilities': {
        const queues = Uint8Array.of(event.queues, 0, 0, 0);
        const request = setRequest(OID_VMQ_MINIPORT_VM_QUEUES, queues);
        this.#must('current set', bench.adapter.userModeRequest(request));
        break;
      }
      case 'pause':
        this.#must('pause', bench.adapter.pause());
        break;
      case 'restart':
        this.#must('restart', bench.adapter.restart());
        break;
      case 'reopen':
        bench.B.binding?.close();
        bench.bindB();
        break;
      case 'settle':
        break;
    }
    bench.executor.runUntilIdle();
    bench.ndis.poll();
    // What the poll completed may have let the next request go down, which may pend in turn.
    bench.executor.runUntilIdle();
  }

  #submit(request: Request): void {
    const { A, B, adapter } = this.#bench;
    const oidRequest = oidRequestOf(request, this.#version);
    this.#pending.set(oidRequest, request);
    this.#asked.set(request, this.#asked.size);
    const binding = { A: A.binding, B: B.binding, user: null }[request.caller];
    const status = binding === null ? adapter.userModeRequest(oidRequest) : binding.oidRequest(oidRequest);
    if (status !== NDIS_STATUS_PENDING) this.#completed(oidRequest, status);
    else this.tally.pended++;
  }

  #completed(oidRequest: OidRequest, status: number): void {
    const request = this.#pending.get(oidRequest);
    if (request === undefined) throw this.#disagreement(['INIT-14: a request completed twice']);
    this.#pending.delete(oidRequest);
    this.#completions.push(completionOf(request, oidRequest, status, this.#version));
  }

  #indicated(to: 'A' | 'B', { statusCode, statusBuffer }: StatusIndication): void {
    if (statusCode === NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES)
      this.#capabilities.push({ to, ...capabilitiesSeen(statusBuffer) });
    if (statusCode !== NDIS_STATUS_RECEIVE_QUEUE_STATE) return;
    const decoded = NDIS_RECEIVE_QUEUE_STATE.decode(statusBuffer);
    if (!decoded.ok) throw this.#disagreement(['IND-01: an indication that is no NDIS_RECEIVE_QUEUE_STATE']);
    const { QueueId: queueId, QueueState: operationalState } = decoded.value;
    this.#indications.push({ to, queueId, operationalState });
  }

  #must(what: string, status: number): void {
    if (status !== NDIS_STATUS_SUCCESS) throw this.#disagreement([`${what}: ${statusName(status)}`]);
  }

  #observe(): Observation {
    const seen: Observation = {
      completions: this.#completions,
      indications: this.#indications,
      capabilities: this.#capabilities,
      violations: this.#violations,
      frames: [...this.#bench.A.takeFrames(), ...this.#bench.B.takeFrames()],
      queues: this.#bench.adapter.inspect().queues.map(({ queueId, state, operationalState, filters }) => ({
        queueId,
        // Undefined, Allocated, Set, Running, Paused, StopDma, Freeing; Stop DMA is D in the table.
        state: state === 'StopDma' ? 'D' : state.slice(0, 1),
        operationalState,
        filters,
      })),
    };
    this.#completions = [];
    this.#indications = [];
    this.#capabilities = [];
    this.#violations = [];
    return seen;
  }

  #count(event: ReferenceEvent, { completions, frames }: Observation): void {
    const { tally } = this;
    if (event.type === 'request') tally.requests++;
    if (event.type === 'frames') tally.frames += event.frames.length;
    if (event.type === 'return') tally.returned += event.numbers.length;
    for (const { queueId } of frames) if (queueId !== 0) tally.onQueues++;
    for (const { request, status, elements } of completions) {
      const word = `${request.body.oid}: ${statusName(status)}`;
      tally.statuses.set(word, (tally.statuses.get(word) ?? 0) + 1);
      this.#statuses[this.#asked.get(request) ?? 0] =
        elements === undefined ? word : `${word} ${elements.map(statusName).join(' ')}`;
    }
  }

  /** Back to an adapter with a default queue and nothing else, by requests that are compared like all others. */
  #clearUp(ending: Ending): void {
    const model = this.#model;
    if (!model.running) this.#event({ type: 'restart' });
    if (!model.memoryAvailable) this.#event({ type: 'memory', available: true });
    if (model.frames.onTheirWay > 0) this.#event({ type: 'settle' });
    const giveBack = (): void => {
      const held = [...model.frames.held.keys()];
      if (held.length > 0) this.#event({ type: 'return', numbers: held });
    };
    // A free that is pending must end before the clearing up can look at what there is.
    if (ending === 'return first' || model.pendingFree !== null) giveBack();
    for (const { id: filterId, queueId, owner } of [...model.filters.values()])
      this.#ask(owner, { oid: 'clear filter', filterId, queueId });
    for (const { id: queueId, owner } of [...model.queues.values()])
      if (queueId !== 0) this.#ask(owner, { oid: 'free queue', queueId });
    giveBack();
    for (const [caller, asked] of model.packetFilters)
      if (Object.values(asked).some((bit) => bit))
        this.#ask(caller, { oid: 'set packet filter', accepts: packetFilter(0) });
    for (const [caller, asked] of model.multicastLists)
      if (asked.length > 0) this.#ask(caller, { oid: 'set multicast list', addresses: [] });
    // Only now: what there was has been cleared and freed with the set as the steps left it.
    if (model.profile.numQueues !== model.mostQueues)
      this.#event({ type: 'capabilities', queues: model.mostQueues });
    const left = this.#bench.adapter.inspect();
    const { receives } = left.outstanding;
    const blocks = left.sharedMemory.filter(({ queueId }) => queueId !== 0).length;
    if (receives !== 0 || blocks !== 0 || this.#pending.size !== 0 || left.pendingOids.length !== 0)
      throw this.#disagreement([
        `left over: ${receives} NBLs, ${blocks} blocks of shared memory, ${this.#pending.size} requests`,
      ]);
  }

  #ask(caller: Caller, body: Request['body']): void {
    const request: Request = { caller, kind: 'set', body, input: 'whole', output: 'whole', room: null };
    this.#event({ type: 'request', request });
  }

  #disagreement(problems: readonly string[]): Disagreement {
    const story = this.#story.map((event, i) => `  ${i + 1}. ${describeEvent(event)}`).join('\n');
    const { last } = this.#bench.ndis.refusals;
    const refusal = last === null ? '' : `\nlast refusal: ${refusalLine(last)}`;
    return new Disagreement(
      `${this.#bench.kind}:\n${story}\n${problems.map((problem) => `  -> ${problem}`).join('\n')}${refusal}`,
    );
  }
}
