/** From a step to the event it means, in the state the model is in. */
import type { ReferenceAdapter } from '../reference/reference-adapter.ts';
import type { ReferenceEvent } from '../reference/reference-event.ts';
import type {
  Body,
  Caller,
  FieldTest,
  Geometry,
  PacketFilter,
  Request,
  RequestKind,
} from '../reference/vocabulary.ts';
import {
  FILTER_VLANS,
  FRAME_VLANS,
  type FrameStep,
  macHeaderTest,
  type RequestStep,
  type Step,
  WRONG_KINDS,
} from './steps.ts';

const NOT_AN_ID = 4711;
const GROUPS = ['01-00-5E-00-00-01', '33-33-00-00-00-01'];

function addressOf(model: ReferenceAdapter, index: number): string {
  if (index < 3) return `00-15-5D-00-00-0${index + 1}`;
  return [model.stationMac, 'FF-FF-FF-FF-FF-FF', ...GROUPS, '00-15-5D-99-99-99'][index - 3];
}

function queueOf(model: ReferenceAdapter, choice: number): number {
  const ids = [...model.queues.keys()].filter((id) => id !== 0).sort((a, b) => a - b);
  if (choice === 0) return 0;
  return choice === 15 || ids.length === 0 ? NOT_AN_ID : ids[(choice - 1) % ids.length];
}

function filterOf(model: ReferenceAdapter, choice: number): number {
  const ids = [...model.filters.keys()].sort((a, b) => a - b);
  if (choice === 0) return 0;
  return choice === 15 || ids.length === 0 ? NOT_AN_ID : ids[(choice - 1) % ids.length];
}

function frameOf(
  model: ReferenceAdapter,
  { aim, mac, vlan }: FrameStep,
): { destination: string; vlan: number | null } {
  const target = aim === 0 ? undefined : model.filters.get(filterOf(model, aim));
  const tag = FRAME_VLANS[vlan] ?? null;
  if (target === undefined) return { destination: addressOf(model, mac), vlan: tag };
  const untagged = tag === 0 ? 0 : null;
  return { destination: target.mac, vlan: target.vlan ?? (target.untaggedOrZero ? untagged : tag) };
}

/** The event, or null if the step means nothing now. */
export function resolveStep(step: Step, model: ReferenceAdapter, nextFrame: number): ReferenceEvent | null {
  switch (step.do) {
    case 'request':
      return { type: 'request', request: requestOf(step, model) };
    case 'frames': {
      const frames = step.frames.map((frame, i) => ({
        ...frameOf(model, frame),
        number: nextFrame + i,
        hold: frame.hold,
      }));
      return { type: 'frames', frames, racing: step.racing };
    }
    case 'return': {
      // Bit i of the choice: every fourth held frame from the ith on.
      const held = [...model.frames.held.keys()].sort((a, b) => a - b);
      const numbers = held.filter((_, i) => (step.choice & (1 << (i & 3))) !== 0);
      if (step.backwards) numbers.reverse();
      return numbers.length === 0 ? null : { type: 'return', numbers };
    }
    case 'memory':
      return { type: 'memory', available: step.available };
    case 'capabilities': {
      const queues = step.queues % (model.mostQueues + 1);
      // CAP-18: below 6.30 there is no such change. Behind a pending free the miniport would hear of it later.
      const { version, numQueues } = model.profile;
      const isNothing = version === 620 || model.pendingFree !== null || queues === numQueues;
      return isNothing ? null : { type: 'capabilities', queues };
    }
    case 'pause or restart':
      return { type: model.running ? 'pause' : 'restart' };
    case 'reopen': {
      // With requests pending or its NBLs out, closing has to wait; that is not this step.
      const ofB = [...model.queues.values()].filter(({ owner }) => owner === 'B');
      const waits =
        model.pendingFree !== null ||
        model.frames.heldBy('B') > 0 ||
        ofB.some(({ id }) => model.frames.heldOn(id) > 0);
      return waits || model.frames.onTheirWay > 0 ? null : { type: 'reopen' };
    }
    case 'settle':
      return { type: 'settle' };
  }
}

function requestOf(step: Extract<Step, { do: 'request' }>, model: ReferenceAdapter): Request {
  const { request, spoil, by } = step;
  const wrong = spoil === 'wrong kind' ? WRONG_KINDS[request.oid] : null;
  const byUserMode = request.oid === 'enumerate queues' && request.all;
  const kind = wrong ?? (byUserMode ? 'statistics' : kindOf(request));
  const hasOutput = kind !== 'set';
  const hasInput = (kind === 'set' || kind === 'method') && request.oid !== 'set multicast list';
  return {
    caller: byUserMode ? 'user' : by === 'owner' ? ownerOf(request, model) : by,
    kind,
    body: bodyOf(request, model),
    input: spoil === 'input' && hasInput ? 'short' : 'whole',
    output: spoil === 'output' && hasOutput ? 'short' : 'whole',
    room: null,
  };
}

function kindOf({ oid }: RequestStep): RequestKind {
  switch (oid) {
    case 'enumerate queues':
    case 'query current capabilities':
    case 'query global parameters':
      return 'query';
    case 'set queue parameters':
    case 'free queue':
    case 'clear filter':
    case 'move filter':
    case 'set packet filter':
    case 'set multicast list':
      return 'set';
    default:
      return 'method';
  }
}

function ownerOf(request: RequestStep, model: ReferenceAdapter): Caller {
  let owner: Caller | undefined;
  if ('queue' in request) owner = model.queues.get(queueOf(model, request.queue))?.owner;
  if ('queues' in request) owner = model.queues.get(queueOf(model, request.queues[0] ?? 0))?.owner;
  if ('filter' in request) owner = model.filters.get(filterOf(model, request.filter))?.owner;
  return owner === 'B' ? 'B' : 'A';
}

function bodyOf(request: RequestStep, model: ReferenceAdapter): Body {
  switch (request.oid) {
    case 'allocate queue':
      return allocation(request);
    case 'complete allocation': {
      const { oid, queues } = request;
      // Without an element there is no array that could lie wrongly.
      const geometry = queues.length === 0 ? 'fine' : request.geometry;
      return { oid, queueIds: queues.map((choice) => queueOf(model, choice)), geometry };
    }
    case 'set queue parameters': {
      const { oid, queue, changes } = request;
      return {
        oid,
        queueId: queueOf(model, queue),
        changes: {
          flags: (changes & 1) !== 0,
          affinity: (changes & 2) !== 0,
          buffers: (changes & 4) !== 0,
          name: (changes & 8) !== 0,
        },
        ...settings(request),
      };
    }
    case 'query queue parameters':
    case 'free queue':
    case 'enumerate filters':
      return { oid: request.oid, queueId: queueOf(model, request.queue) };
    case 'set filter':
      return filterBody(request, model);
    case 'clear filter': {
      const filterId = filterOf(model, request.filter);
      const queueId = model.filters.get(filterId)?.queueId ?? 0;
      return { oid: request.oid, filterId, queueId: request.elsewhere ? queueId + 1 : queueId };
    }
    case 'query filter':
    case 'move filter':
      return { oid: request.oid, filterId: filterOf(model, request.filter) };
    case 'set packet filter':
      return { oid: request.oid, accepts: packetFilter(request.bits) };
    case 'set multicast list':
      return { oid: request.oid, addresses: request.groups.map((i) => GROUPS[i]) };
    default:
      return { oid: request.oid };
  }
}

export function packetFilter(bits: number): PacketFilter {
  return {
    directed: (bits & 1) !== 0,
    multicast: (bits & 2) !== 0,
    allMulticast: (bits & 4) !== 0,
    broadcast: (bits & 8) !== 0,
    promiscuous: (bits & 16) !== 0,
  };
}

function settings({
  flags,
  affinity,
  buffers,
  text,
}: Extract<RequestStep, { oid: 'set queue parameters' }>): {
  perQueueIndication: boolean;
  splitRequired: boolean;
  affinity: number;
  group: number;
  suggestedBuffers: number;
  queueName: string;
} {
  return {
    perQueueIndication: (flags & 1) !== 0,
    splitRequired: (flags & 2) !== 0,
    affinity,
    group: 0,
    suggestedBuffers: buffers,
    queueName: text,
  };
}

function allocation(request: Extract<RequestStep, { oid: 'allocate queue' }>): Body {
  const { flaw, junk, text } = request;
  const base = settings({ ...request, oid: 'set queue parameters', queue: 0, changes: 0 });
  const split = flaw === 'lookahead above maximum' || base.splitRequired;
  return {
    oid: 'allocate queue',
    ...base,
    splitRequired: split,
    vmQueueType: flaw !== 'type',
    affinity: flaw === 'no processor' ? [0, 4, 0x10][junk % 3] : base.affinity,
    group: flaw === 'group' ? 1 : 0,
    lookaheadSize: flaw === 'lookahead above maximum' ? 129 : flaw === 'lookahead' ? 128 : 0,
    queueId: junk,
    portId: junk,
    qosSqId: flaw === 'QoS' ? junk : null,
    vmName: text,
  };
}

function filterBody(request: Extract<RequestStep, { oid: 'set filter' }>, model: ReferenceAdapter): Body {
  const { flaw } = request;
  const vlan = FILTER_VLANS[request.vlan] ?? null;
  const mac = addressOf(model, request.mac);
  const address = macHeaderTest('destination', { mac, untaggedOrZero: request.vlan === 0 });
  const usual = vlan === null ? [address] : [address, macHeaderTest('vlan', { vlan })];
  const geometry: Geometry =
    flaw === 'past the end' || flaw === 'inside the header' || flaw === 'undersized elements' ? flaw : 'fine';
  return {
    oid: 'set filter',
    queueId: queueOf(model, request.queue),
    vmQueueType: flaw !== 'type',
    filterId: flaw === 'filter id' ? 1 : 0,
    idBits: flaw === 'id bits' ? 4 : 0,
    tests: flawedTests(request, usual, address),
    geometry,
  };
}

function flawedTests(
  { flaw }: Extract<RequestStep, { oid: 'set filter' }>,
  usual: readonly FieldTest[],
  address: FieldTest,
): readonly FieldTest[] {
  const five = macHeaderTest('vlan', { vlan: 5 });
  const plain = { ...address, untaggedOrZero: false };
  switch (flaw) {
    case 'no test':
      return [];
    case 'no MAC test':
      return [five];
    case 'two MAC tests':
      return [...usual, address];
    case 'two VLAN tests':
      return [plain, five, five];
    case 'source test':
      return [...usual, macHeaderTest('source', { mac: address.mac })];
    case 'packet type test':
      return [...usual, macHeaderTest('packet type', { vlan: 1 })];
    case 'other header':
      return [...usual, { ...five, header: 'arp' }];
    case 'mask equal':
      return [{ ...address, test: 'mask equal' }, ...usual.slice(1)];
    case 'not equal':
      return [{ ...address, test: 'not equal' }, ...usual.slice(1)];
    case 'group MAC':
      return [{ ...address, mac: GROUPS[0] }, ...usual.slice(1)];
    case 'VLAN 0':
      return [plain, macHeaderTest('vlan', { vlan: 0 })];
    case 'VLAN 4095':
      return [plain, macHeaderTest('vlan', { vlan: 4095 })];
    case 'flag and VLAN':
      return [{ ...address, untaggedOrZero: true }, five];
    default:
      return usual;
  }
}
