/**
 * The states of a VM queue, and what each event does to them (requirements STA-01 to STA-13).
 *
 *                     set filter                allocation complete
 *   Undefined ──> Allocated ────────> Set ───────────────────────────> Running
 *      ^  allocate   │  ^ <────────────┘                                │   ^
 *      │             │     clear last                        clear last │   │ set filter
 *      │             │ allocation complete                              v   │
 *      │             └──────────────────────────────────────────────> Paused
 *      │             │ free                                      free   │
 *      │             └────────────> Stop DMA <──────────────────────────┘
 *      │  buffers back, resources freed  │ DMA stopped and indicated
 *      └───────────── Freeing <──────────┘
 *
 * The table below is the machine; NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE is only how a state is reported (STA-16).
 */
import {
  NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_FILE_NOT_FOUND,
  NDIS_STATUS_INVALID_PARAMETER,
} from '@vmq/abi';

export type QueueState = 'Undefined' | 'Allocated' | 'Set' | 'Running' | 'Paused' | 'StopDma' | 'Freeing';

export const QUEUE_STATES: readonly QueueState[] = [
  'Undefined',
  'Allocated',
  'Set',
  'Running',
  'Paused',
  'StopDma',
  'Freeing',
];

export type QueueEvent =
  | 'allocate'
  | 'query parameters'
  | 'set parameters'
  | 'set filter'
  | 'clear last filter'
  | 'clear filter'
  | 'enumerate filters'
  | 'query filter parameters'
  | 'allocation complete'
  | 'receive frame'
  | 'free'
  | 'dma stopped'
  | 'resources freed';

interface EventRow {
  readonly rule: string;
  readonly event: QueueEvent;
  /** Next state from U A S R P D F, in that order; a dot is an invalid event. */
  readonly next: string;
  /** NDIS_STATUS of the invalid event; null where it cannot come as a request. */
  readonly invalid: number | null;
}

//   event                                              U A S R P D F
export const QUEUE_EVENTS: readonly EventRow[] = [
  { rule: 'STA-01', event: 'allocate', /*           */ next: 'A . . . . . .', invalid: null },
  {
    rule: 'STA-02',
    event: 'query parameters',
    next: '. A S R P . .',
    invalid: NDIS_STATUS_INVALID_PARAMETER,
  },
  { rule: 'STA-03', event: 'set parameters', next: '. A S R P . .', invalid: NDIS_STATUS_INVALID_PARAMETER },
  { rule: 'STA-04', event: 'set filter', next: '. S S R R . .', invalid: NDIS_STATUS_INVALID_PARAMETER },
  { rule: 'STA-05', event: 'clear last filter', next: '. . A P . . .', invalid: NDIS_STATUS_FILE_NOT_FOUND },
  { rule: 'STA-06', event: 'clear filter', next: '. . S R . . .', invalid: NDIS_STATUS_FILE_NOT_FOUND },
  { rule: 'STA-07', event: 'enumerate filters', next: '. A S R P . .', invalid: NDIS_STATUS_FAILURE },
  {
    rule: 'STA-08',
    event: 'query filter parameters',
    next: '. . S R . . .',
    invalid: NDIS_STATUS_INVALID_PARAMETER,
  },
  {
    rule: 'STA-09',
    event: 'allocation complete',
    next: '. P R . . . .',
    invalid: NDIS_STATUS_INVALID_PARAMETER,
  },
  { rule: 'STA-10', event: 'receive frame', next: '. . . R . . .', invalid: null },
  { rule: 'STA-11', event: 'free', next: '. D . . D . .', invalid: NDIS_STATUS_INVALID_PARAMETER },
  { rule: 'STA-12', event: 'dma stopped', next: '. . . . . F .', invalid: null },
  { rule: 'STA-13', event: 'resources freed', next: '. . . . . . U', invalid: null },
];

const LETTERS = 'UASRPDF';

export type Transition =
  | { readonly ok: true; readonly rule: string; readonly next: QueueState }
  | { readonly ok: false; readonly rule: string; readonly invalid: number | null };

const TRANSITIONS: ReadonlyMap<string, Transition> = new Map(
  QUEUE_EVENTS.flatMap(({ rule, event, next, invalid }) =>
    next
      .split(' ')
      .map((letter, column): [string, Transition] => [
        `${QUEUE_STATES[column]} ${event}`,
        letter === '.'
          ? { ok: false, rule, invalid }
          : { ok: true, rule, next: QUEUE_STATES[LETTERS.indexOf(letter)] },
      ]),
  ),
);

/** What `event` does to a queue in `state`. */
export function queueTransition(state: QueueState, event: QueueEvent): Transition {
  return TRANSITIONS.get(`${state} ${event}`) as Transition;
}

/** STA-16: how a state is reported. */
export function operationalState(state: QueueState): NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE {
  const states = NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE;
  switch (state) {
    case 'Undefined':
      return states.NdisReceiveQueueOperationalStateUndefined;
    case 'Running':
      return states.NdisReceiveQueueOperationalStateRunning;
    case 'StopDma':
    case 'Freeing':
      return states.NdisReceiveQueueOperationalStateDmaStopped;
    default:
      return states.NdisReceiveQueueOperationalStatePaused;
  }
}
