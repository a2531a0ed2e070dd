// The model itself: it must object to what the requirements forbid, or its agreement means nothing.
import {
  NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import { beforeEach, describe, expect, test } from 'vitest';
import { ReferenceAdapter } from '../src/reference/reference-adapter.ts';
import type { ReferenceEvent } from '../src/reference/reference-event.ts';
import type {
  Body,
  Completion,
  Frame,
  Indicated,
  Observation,
  Request,
} from '../src/reference/vocabulary.ts';

const { NdisReceiveQueueOperationalStateDmaStopped: DMA_STOPPED } = NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE;
const MAC = '00-15-5D-00-00-01';

let model: ReferenceAdapter;
/** What the stack shows of its queues: the model's own view, unless a test says otherwise. */
let queues: Observation['queues'];

beforeEach(() => {
  model = new ReferenceAdapter({
    version: 630,
    vmq: true,
    numQueues: 3,
    maxFilters: 5,
    vlanTests: true,
    maxLookahead: 0,
    processors: 2,
    stationMac: '02-00-00-00-00-01',
  });
  queues = [queue(0, 'R')];
});

function queue(queueId: number, state: string, filters = 0): Observation['queues'][number] {
  const { NdisReceiveQueueOperationalStateRunning: running, NdisReceiveQueueOperationalStatePaused: paused } =
    NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE;
  const operationalState = state === 'R' ? running : 'DF'.includes(state) ? DMA_STOPPED : paused;
  return { queueId, state, operationalState, filters };
}

function apply(event: ReferenceEvent, seen: Partial<Observation> = {}): string[] {
  return model.apply(event, {
    completions: [],
    indications: [],
    capabilities: [],
    frames: [],
    violations: [],
    queues,
    ...seen,
  });
}

const settings = {
  perQueueIndication: true,
  splitRequired: false,
  affinity: 1,
  group: 0,
  suggestedBuffers: 0,
  queueName: '',
};
const allocation: Body = {
  oid: 'allocate queue',
  vmQueueType: true,
  queueId: 0,
  lookaheadSize: 0,
  portId: 0,
  qosSqId: null,
  vmName: '',
  ...settings,
};

function ask(
  body: Body,
  kind: Request['kind'],
  end: Partial<Completion> | null,
  seen: Partial<Observation> = {},
): string[] {
  const request: Request = { caller: 'A', kind, body, input: 'whole', output: 'whole', room: null };
  const completion = {
    request,
    status: NDIS_STATUS_SUCCESS,
    bytesNeeded: 0,
    bytesGiven: 0,
    faults: [],
    ...end,
  };
  return apply({ type: 'request', request }, { completions: end === null ? [] : [completion], ...seen });
}

function runningQueue(): void {
  queues = [queue(0, 'R'), queue(1, 'A')];
  expect(ask(allocation, 'method', { id: 1 })).toEqual([]);
  const test = {
    header: 'mac',
    field: 'destination',
    test: 'equal',
    mac: MAC,
    vlan: 0,
    untaggedOrZero: true,
  } as const;
  const filter: Body = {
    oid: 'set filter',
    queueId: 1,
    vmQueueType: true,
    filterId: 0,
    idBits: 0,
    tests: [test],
    geometry: 'fine',
  };
  queues = [queue(0, 'R'), queue(1, 'S', 1)];
  expect(ask(filter, 'method', { id: 1 })).toEqual([]);
  queues = [queue(0, 'R'), queue(1, 'R', 1)];
  const complete: Body = { oid: 'complete allocation', queueIds: [1], geometry: 'fine' };
  expect(ask(complete, 'method', { elements: [NDIS_STATUS_SUCCESS] })).toEqual([]);
}

const frame = (number: number, vlan: number | null = null): Frame => ({
  number,
  destination: MAC,
  vlan,
  hold: false,
});
const indicated = (number: number, members: Partial<Indicated> = {}): Indicated => ({
  number,
  to: 'A',
  isLent: false,
  queueId: 1,
  processor: 0,
  singleQueue: true,
  tag: null,
  length: 60,
  mdls: 1,
  firstMdlBytes: 60,
  faults: [],
  ...members,
});
const send = (frames: readonly Frame[], ...seen: Indicated[]): string[] =>
  apply({ type: 'frames', frames, racing: false }, { frames: seen });

describe('requests', () => {
  test('QUE-07: an id that is taken or out of range', () => {
    queues = [queue(0, 'R'), queue(1, 'A')];
    expect(ask(allocation, 'method', { id: 1 })).toEqual([]);
    expect(ask(allocation, 'method', { id: 1 })[0]).toMatch(/QUE-07/);
    expect(ask(allocation, 'method', { id: 4 })[0]).toMatch(/QUE-07/);
  });

  test('QUE-04: a success where a refusal was due, and the wrong refusal', () => {
    const body: Body = { ...allocation, affinity: 4 };
    expect(ask(body, 'method', { status: NDIS_STATUS_INVALID_PARAMETER })).toEqual([]);
    expect(ask(body, 'method', { id: 1 })[0]).toMatch(/QUE-04/);
    expect(ask(body, 'method', { status: NDIS_STATUS_INVALID_LENGTH })[0]).toMatch(/QUE-04/);
  });

  test('FLT-19: on 6.30 a filter by MAC alone may be taken or refused, on 6.20 it is refused (FLT-18)', () => {
    const test = { header: 'mac', field: 'destination', test: 'equal', mac: MAC, vlan: 0 } as const;
    const bare: Body = {
      oid: 'set filter',
      queueId: 0,
      vmQueueType: true,
      filterId: 0,
      idBits: 0,
      tests: [{ ...test, untaggedOrZero: false }],
      geometry: 'fine',
    };
    expect(ask(bare, 'method', { status: NDIS_STATUS_INVALID_PARAMETER })).toEqual([]);
    expect(ask(bare, 'method', { status: NDIS_STATUS_INVALID_LENGTH })[0]).toMatch(/expected SUCCESS/);
    queues = [queue(0, 'R', 1)];
    expect(ask(bare, 'method', { id: 1 })).toEqual([]);
    expect(model.filters.size).toBe(1);
    model = new ReferenceAdapter({ ...model.profile, version: 620 });
    queues = [queue(0, 'R')];
    expect(ask(bare, 'method', { status: NDIS_STATUS_INVALID_PARAMETER })).toEqual([]);
    expect(ask(bare, 'method', { id: 1 })[0]).toMatch(/FLT-18/);
  });

  test('QUE-37: the split flag taken off a queue that has a lookahead size', () => {
    model = new ReferenceAdapter({ ...model.profile, version: 620, maxLookahead: 128 });
    queues = [queue(0, 'R'), queue(1, 'A')];
    const split = { lookaheadSize: 64, splitRequired: true };
    expect(ask({ ...allocation, ...split }, 'method', { id: 1 })).toEqual([]);
    const changes = { flags: true, affinity: false, buffers: false, name: false };
    const change: Body = { oid: 'set queue parameters', queueId: 1, changes, ...settings };
    expect(ask(change, 'set', { status: NDIS_STATUS_INVALID_PARAMETER })).toEqual([]);
    expect(ask(change, 'set', {})[0]).toMatch(/QUE-37/);
    expect(ask({ ...change, splitRequired: true }, 'set', {})).toEqual([]);
    queues = [...queues, queue(2, 'A')];
    expect(ask(allocation, 'method', { id: 2, msixEntry: 2 })).toEqual([]);
    expect(ask({ ...change, queueId: 2, splitRequired: true }, 'set', {})).toEqual([]);
  });

  test('INIT-14: a request that neither completes nor has anything to wait for', () => {
    expect(ask(allocation, 'method', null)[0]).toMatch(/should have completed/);
  });

  test('STA-14: a queue that moved though the request failed', () => {
    queues = [queue(0, 'R'), queue(1, 'A')];
    const problems = ask({ ...allocation, vmQueueType: false }, 'method', {
      status: NDIS_STATUS_INVALID_PARAMETER,
    });
    expect(problems[0]).toMatch(/STA queues/);
  });

  test('QUE-31: a free without its indication', () => {
    queues = [queue(0, 'R'), queue(1, 'A')];
    ask(allocation, 'method', { id: 1 });
    queues = [queue(0, 'R')];
    expect(ask({ oid: 'free queue', queueId: 1 }, 'set', {})[0]).toMatch(/QUE-31/);
  });
});

describe('CAP-31: with the set withdrawn', () => {
  const none = { vmq: false, numQueues: 0, maxFilters: 0 };
  const heard = [
    { to: 'A', ...none },
    { to: 'B', ...none },
  ] as const;
  const withdraw = (): string[] => apply({ type: 'capabilities', queues: 0 }, { capabilities: heard });

  test('a stack that will not clear or free what exists', () => {
    runningQueue();
    expect(withdraw()).toEqual([]);
    const clear: Body = { oid: 'clear filter', queueId: 1, filterId: 1 };
    expect(ask(clear, 'set', { status: NDIS_STATUS_NOT_SUPPORTED })[0]).toMatch(/expected SUCCESS/);
    queues = [queue(0, 'R'), queue(1, 'P')];
    expect(ask(clear, 'set', {})).toEqual([]);
    const free: Body = { oid: 'free queue', queueId: 1 };
    const stopped = (['A', 'B'] as const).map((to) => ({ to, queueId: 1, operationalState: DMA_STOPPED }));
    queues = [queue(0, 'R')];
    expect(ask(free, 'set', { status: NDIS_STATUS_NOT_SUPPORTED }, { indications: stopped })[0]).toMatch(
      /QUE-32/,
    );
  });

  test('INIT-10: a stack that still gives something new', () => {
    expect(withdraw()).toEqual([]);
    expect(ask(allocation, 'method', { status: NDIS_STATUS_NOT_SUPPORTED })).toEqual([]);
    expect(ask(allocation, 'method', { id: 1 })[0]).toMatch(/INIT-10/);
  });

  test('a queue that stops receiving, and one that vanishes', () => {
    runningQueue();
    expect(withdraw()).toEqual([]);
    expect(send([frame(1)], indicated(1))).toEqual([]);
    expect(send([frame(2)])[0]).toMatch(/was not indicated/);
    queues = [queue(0, 'R')];
    expect(apply({ type: 'settle' })[0]).toMatch(/STA queues/);
  });

  test('CAP-18: a binding that does not hear of it, and one that hears of something else', () => {
    const event: ReferenceEvent = { type: 'capabilities', queues: 0 };
    expect(apply(event, { capabilities: heard.slice(0, 1) })[0]).toMatch(/CAP-18/);
    expect(apply({ type: 'settle' }, { capabilities: heard.slice(0, 1) })[0]).toMatch(/CAP-18/);
  });
});

describe('RX-22: frames on queue 0', () => {
  const everything = {
    directed: true,
    multicast: true,
    allMulticast: true,
    broadcast: true,
    promiscuous: true,
  };
  const accepts = (caller: 'A' | 'B', change: Partial<typeof everything> = {}): string[] => {
    const body: Body = { oid: 'set packet filter', accepts: { ...everything, ...change } };
    const request: Request = { caller, kind: 'set', body, input: 'whole', output: 'whole', room: null };
    const end = { request, status: NDIS_STATUS_SUCCESS, bytesNeeded: 0, bytesGiven: 0, faults: [] };
    return apply({ type: 'request', request }, { completions: [end] });
  };
  const onDefault = (number: number, members: Partial<Indicated> = {}): Indicated =>
    indicated(number, { queueId: 0, singleQueue: false, ...members });

  test('go to each whose packet filter takes them, and one has the NBL', () => {
    expect([...accepts('A'), ...accepts('B')]).toEqual([]);
    const loaned = onDefault(1, { isLent: true });
    expect(send([frame(1)], loaned, onDefault(1, { to: 'B' }))).toEqual([]);
    expect(send([frame(2)], onDefault(2))[0]).toMatch(/RX-22/);
    expect(send([frame(3)], onDefault(3), onDefault(3, { to: 'B' }))[0]).toMatch(/RX-14/);
    expect(
      send([frame(4)], onDefault(4, { isLent: true }), onDefault(4, { to: 'B', isLent: true }))[0],
    ).toMatch(/RX-14/);
  });

  test('RX-11: come to each in their order, though one may have the second before the other has the first', () => {
    expect([...accepts('A', { multicast: false }), ...accepts('B')]).toEqual([]);
    const first = onDefault(2, { isLent: true });
    const both = [onDefault(1, { to: 'B' }), onDefault(2, { to: 'B' })];
    const loaned = onDefault(1, { isLent: true });
    expect(send([frame(1), frame(2)], loaned, first, ...both)).toEqual([]);
    const later = [onDefault(4, { isLent: true }), onDefault(3, { isLent: true })];
    expect(
      send([frame(3), frame(4)], ...later, onDefault(3, { to: 'B' }), onDefault(4, { to: 'B' }))[0],
    ).toMatch(/RX-11/);
  });

  test('do not go to one that did not ask', () => {
    expect(accepts('B')).toEqual([]);
    expect(send([frame(1)], onDefault(1, { to: 'B' }))).toEqual([]);
    expect(send([frame(2)], onDefault(2))[0]).toMatch(/RX-22/);
  });
});

describe('frames', () => {
  test('RX-01 FLT-15: each on its queue, and on no other', () => {
    runningQueue();
    expect(send([frame(1)], indicated(1))).toEqual([]);
    expect(send([frame(2)], indicated(2, { queueId: 0 }))[0]).toMatch(/expected queue 1/);
    expect(send([frame(3, 5)], indicated(3, { tag: '3 0 5' }))[0]).toMatch(/expected none/);
    expect(send([frame(4)])[0]).toMatch(/was not indicated/);
  });

  test('RX-11 INT-05 FLT-20: out of order, on the wrong processor, with the wrong tag, twice', () => {
    runningQueue();
    expect(send([frame(1), frame(2)], indicated(2), indicated(1))[0]).toMatch(/RX-11/);
    expect(send([frame(3)], indicated(3, { processor: 1 }))[0]).toMatch(/INT-05/);
    expect(send([frame(4)], indicated(4, { tag: '3 0 1' }))[0]).toMatch(/FLT-20/);
    expect(send([frame(5)], indicated(5), indicated(5))[0]).toMatch(/again/);
  });

  test('FLT-30: a frame under way is not indicated once the last filter is cleared', () => {
    runningQueue();
    expect(apply({ type: 'frames', frames: [frame(1)], racing: true })).toEqual([]);
    queues = [queue(0, 'R'), queue(1, 'P')];
    const clear: Body = { oid: 'clear filter', queueId: 1, filterId: 1 };
    expect(ask(clear, 'set', {})).toEqual([]);
    expect(apply({ type: 'settle' }, { frames: [indicated(1)] })[0]).toMatch(/expected none/);
  });

  test('FLT-31: or it is indicated before that', () => {
    runningQueue();
    apply({ type: 'frames', frames: [frame(1)], racing: true });
    queues = [queue(0, 'R'), queue(1, 'P')];
    const clear: Body = { oid: 'clear filter', queueId: 1, filterId: 1 };
    expect(ask(clear, 'set', {}, { frames: [indicated(1)] })).toEqual([]);
  });
});
