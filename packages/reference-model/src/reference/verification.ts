/**
 * Every reason the requirements give to refuse a request. Where several apply at once they do not say which comes
 * first, so any of them is right; only a request without a reason against it has to succeed.
 */
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_FILE_NOT_FOUND,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
} from '@vmq/abi';
import { type FilterRecord, isGroupAddress, type QueueRecord } from './records.ts';
import { nextState } from './state-table.ts';
import type {
  Body,
  Caller,
  FieldTest,
  OidWord,
  ReferenceProfile,
  Request,
  RequestKind,
} from './vocabulary.ts';

export interface Fault {
  readonly rule: string;
  readonly status: number;
  /** The pages allow both: to refuse it so, and to take it. */
  readonly mayPass?: true;
}

/** What verification looks at. */
export interface Books {
  readonly profile: ReferenceProfile;
  readonly queues: ReadonlyMap<number, QueueRecord>;
  readonly filters: ReadonlyMap<number, FilterRecord>;
}

const invalid = (rule: string): Fault => ({ rule, status: NDIS_STATUS_INVALID_PARAMETER });
const failure = (rule: string): Fault => ({ rule, status: NDIS_STATUS_FAILURE });
const notFound = (rule: string): Fault => ({ rule, status: NDIS_STATUS_FILE_NOT_FOUND });
const notSupported = (rule: string): Fault => ({ rule, status: NDIS_STATUS_NOT_SUPPORTED });
const either = (fault: Fault): Fault => ({ ...fault, mayPass: true });
const wrongLength = (rule: string): Fault => ({ rule, status: NDIS_STATUS_INVALID_LENGTH });

/** Section 18: the kinds of each OID, and who answers (M = miniport, after NDIS's verification). */
const KINDS: Readonly<Record<OidWord, readonly RequestKind[]>> = {
  'allocate queue': ['method'],
  'complete allocation': ['method'],
  'query queue parameters': ['method'],
  'set queue parameters': ['set'],
  'free queue': ['set'],
  'enumerate queues': ['query', 'statistics'],
  'set filter': ['method'],
  'clear filter': ['set'],
  'enumerate filters': ['method'],
  'query filter': ['method'],
  'move filter': ['set'],
  'query current capabilities': ['query', 'statistics'],
  'query global parameters': ['query', 'statistics'],
  'set packet filter': ['set'],
  'set multicast list': ['set'],
};
const BY_MINIPORT: readonly OidWord[] = [
  'allocate queue',
  'complete allocation',
  'set queue parameters',
  'free queue',
  'set filter',
  'clear filter',
  'set packet filter',
  'set multicast list',
];
/** INIT-10; what exists is cleared and freed without it (CAP-31). */
const NEEDS_VMQ: readonly OidWord[] = [
  'allocate queue',
  'complete allocation',
  'set queue parameters',
  'set filter',
];

/** The OID that stands for a request has more than one word where its kinds do different things. */
function rightKind({ body, kind }: Request): boolean {
  return KINDS[body.oid].includes(kind);
}

/** INIT-11: false for what NDIS answers itself, at once and whatever is pending. */
export function goesToMiniport(request: Request): boolean {
  return rightKind(request) && BY_MINIPORT.includes(request.body.oid);
}

/** Every reason to refuse; none means that it must succeed, and only such that may pass that it may. */
export function faultsOf(request: Request, books: Books): Fault[] {
  const { body } = request;
  if (!rightKind(request)) return [notSupported('INIT-13')];
  if (body.oid === 'move filter') return [notSupported('VPT-24')];
  if (NEEDS_VMQ.includes(body.oid) && !books.profile.vmq) return [notSupported('INIT-10')];
  // What cannot be read cannot be judged; but the head may say already that the array lies wrongly.
  if (request.input === 'short') {
    const misplaced = 'geometry' in body ? geometryFaults(body.geometry, 1, 'QUE-18, FLT-06') : [];
    return [wrongLength('INIT-12'), ...misplaced];
  }
  const faults = contentFaults(body, request.caller, books);
  if (request.output === 'short') faults.push(wrongLength('INIT-12'));
  return faults;
}

function contentFaults(body: Body, caller: Caller, books: Books): Fault[] {
  switch (body.oid) {
    case 'allocate queue':
      return allocationFaults(body, books);
    case 'complete allocation':
      return geometryFaults(body.geometry, body.queueIds.length, 'QUE-18');
    case 'query queue parameters':
      return existing(books, body.queueId, 'STA-02', invalid('QUE-22'));
    case 'set queue parameters':
      return parameterFaults(body, caller, books);
    case 'free queue':
      return freeFaults(body.queueId, caller, books);
    case 'set filter':
      return filterFaults(body, caller, books);
    case 'clear filter':
      return clearFaults(body, caller, books);
    case 'enumerate filters':
      return existing(books, body.queueId, 'STA-07', failure('FLT-34'));
    case 'query filter':
      return books.filters.has(body.filterId) ? [] : [invalid('FLT-35')];
    default:
      return [];
  }
}

/** The queue must exist and be in a state that allows the event. */
function existing({ queues }: Books, queueId: number, rule: string, fault: Fault): Fault[] {
  const queue = queues.get(queueId);
  return queue === undefined || nextState(rule, queue.state) === null ? [fault] : [];
}

/** An array without elements has nothing that could be out of place. */
function geometryFaults(geometry: string, elements: number, rule: string): Fault[] {
  if (geometry === 'fine') return [];
  if (geometry === 'past the end') return [wrongLength(rule)];
  return geometry === 'undersized elements' && elements === 0 ? [] : [invalid(rule)];
}

function namesProcessor(affinity: number, group: number, { profile }: Books): boolean {
  const existingProcessors = 2 ** profile.processors - 1;
  return group === 0 && (affinity & existingProcessors) !== 0;
}

function allocationFaults(body: Extract<Body, { oid: 'allocate queue' }>, books: Books): Fault[] {
  const { profile, queues } = books;
  const faults: Fault[] = [];
  if (!body.vmQueueType) faults.push(invalid('QUE-02'));
  if (!namesProcessor(body.affinity, body.group, books)) faults.push(invalid('QUE-04'));
  if (profile.version === 620) {
    if (body.lookaheadSize !== 0 && !body.splitRequired) faults.push(invalid('QUE-12'));
    if (body.lookaheadSize !== 0 && body.splitRequired && body.lookaheadSize > profile.maxLookahead)
      faults.push(invalid('QUE-13'));
  } else {
    if (body.lookaheadSize !== 0) faults.push(invalid('QUE-14'));
    if ((body.qosSqId ?? 0) !== 0) faults.push(notSupported('QUE-15'));
  }
  // Queue 0 is not one of NumQueues.
  if (queues.size - 1 >= profile.numQueues) faults.push(failure('QUE-10'));
  return faults;
}

function ownQueue(queueId: number, caller: Caller, { queues }: Books, rule: string): Fault[] {
  const queue = queues.get(queueId);
  return queueId === 0 || queue === undefined || queue.owner !== caller ? [invalid(rule)] : [];
}

function parameterFaults(
  body: Extract<Body, { oid: 'set queue parameters' }>,
  caller: Caller,
  books: Books,
): Fault[] {
  const faults = ownQueue(body.queueId, caller, books, 'QUE-23');
  faults.push(...existing(books, body.queueId, 'STA-03', invalid('STA-03')));
  if (body.changes.flags) faults.push(...flagFaults(body, books));
  if (body.changes.affinity && !namesProcessor(body.affinity, body.group, books))
    faults.push(invalid('QUE-04'));
  return faults;
}

/** The size of a queue is fixed; zero means no split, whatever the flag. */
function flagFaults(
  { queueId, splitRequired }: Extract<Body, { oid: 'set queue parameters' }>,
  { profile, queues }: Books,
): Fault[] {
  const faults: Fault[] = [];
  if (splitRequired && profile.maxLookahead === 0)
    // From 6.30 on one page has the flag ignored (QUE-14), another what is not supported refused.
    faults.push(profile.version === 620 ? invalid('QUE-26') : either(invalid('QUE-26')));
  if (profile.version === 620 && !splitRequired && (queues.get(queueId)?.lookaheadSize ?? 0) !== 0)
    faults.push(invalid('QUE-37'));
  return faults;
}

function freeFaults(queueId: number, caller: Caller, books: Books): Fault[] {
  const faults = ownQueue(queueId, caller, books, 'QUE-28');
  if ([...books.filters.values()].some((filter) => filter.queueId === queueId))
    faults.push(invalid('QUE-29'));
  faults.push(...existing(books, queueId, 'STA-11', invalid('STA-11')));
  return faults;
}

function filterFaults(body: Extract<Body, { oid: 'set filter' }>, caller: Caller, books: Books): Fault[] {
  const { profile, queues, filters } = books;
  const faults = geometryFaults(body.geometry, body.tests.length, 'FLT-06');
  if (faults.length > 0) return faults; // the tests cannot be read
  if (!body.vmQueueType) faults.push(invalid('FLT-02'));
  if (body.filterId !== 0) faults.push(invalid('FLT-04'));
  if (body.idBits !== 0) faults.push(invalid('FLT-05'));
  faults.push(...existing(books, body.queueId, 'STA-04', invalid('FLT-23')));
  const queue = queues.get(body.queueId);
  if (body.queueId !== 0 && queue?.owner !== caller) faults.push(invalid('FLT-22'));
  if (!body.tests.every((test) => isSupported(test, profile))) faults.push(invalid('FLT-08'));
  const macs = body.tests.filter((test) => test.header === 'mac' && test.field === 'destination');
  const vlans = body.tests.filter((test) => test.header === 'mac' && test.field === 'vlan');
  if (macs.length !== 1 || vlans.length > 1 || macs.length + vlans.length !== body.tests.length)
    faults.push(invalid('FLT-07'));
  if (macs.some((test) => isGroupAddress(test.mac))) faults.push(invalid('FLT-21'));
  if (vlans.some((test) => test.vlan < 1 || test.vlan > 4094)) faults.push(invalid('FLT-21'));
  const flagged = macs.some((test) => test.untaggedOrZero);
  if (flagged && vlans.length > 0) faults.push(invalid('FLT-17'));
  // From 6.30 on such a filter may be taken (FLT-19); the page that demands a VLAN or the flag stands beside that.
  if (!flagged && vlans.length === 0)
    faults.push(profile.version === 620 ? invalid('FLT-18') : either(invalid('FLT-19')));
  if (filters.size >= profile.maxFilters) faults.push(failure('FLT-24'));
  return faults;
}

/** FLT-08 for hardware that tests destination address and, perhaps, VLAN id for equality. */
function isSupported({ header, field, test }: FieldTest, { vlanTests }: ReferenceProfile): boolean {
  if (header !== 'mac' || test !== 'equal') return false;
  return field === 'destination' || (field === 'vlan' && vlanTests);
}

function clearFaults(
  { queueId, filterId }: Extract<Body, { oid: 'clear filter' }>,
  caller: Caller,
  { filters }: Books,
): Fault[] {
  const filter = filters.get(filterId);
  if (filter === undefined || filter.queueId !== queueId) return [notFound('FLT-28')];
  return filter.owner === caller ? [] : [notFound('FLT-29')];
}

/** QUE-19: why an element of an allocation completion is refused, or null. */
export function elementFault(queueId: number, caller: Caller, books: Books): Fault | null {
  if (ownQueue(queueId, caller, books, 'QUE-19').length > 0) return invalid('QUE-19');
  return existing(books, queueId, 'STA-09', invalid('QUE-19'))[0] ?? null;
}
