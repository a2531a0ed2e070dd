/**
 * States of a miniport adapter and of a binding (requirements LIFE-01, LIFE-08).
 *
 *   Halted ──initialize──> Paused ──restart──> Restarting ──complete──> Running
 *     ^                      ^ ^                   │ failed               │ pause
 *     └────────halt──────────┘ └───────────────────┘                      v
 *                              └──────────complete──────────────────── Pausing
 */
export type AdapterState = 'Halted' | 'Initializing' | 'Paused' | 'Restarting' | 'Running' | 'Pausing';

export type AdapterEvent =
  | 'initialize'
  | 'initialized'
  | 'initialization failed'
  | 'restart'
  | 'restarted'
  | 'restart failed'
  | 'pause'
  | 'paused'
  | 'halt';

const TABLE: Readonly<Record<AdapterState, Partial<Readonly<Record<AdapterEvent, AdapterState>>>>> = {
  Halted: { initialize: 'Initializing' },
  Initializing: { initialized: 'Paused', 'initialization failed': 'Halted' },
  Paused: { restart: 'Restarting', halt: 'Halted' },
  Restarting: { restarted: 'Running', 'restart failed': 'Paused' },
  Running: { pause: 'Pausing' },
  Pausing: { paused: 'Paused' },
};

/** The next state, or null where the event is not allowed. */
export function adapterTransition(state: AdapterState, event: AdapterEvent): AdapterState | null {
  return TABLE[state][event] ?? null;
}

export type BindingState =
  | 'Unbound'
  | 'Opening'
  | 'Paused'
  | 'Restarting'
  | 'Running'
  | 'Pausing'
  | 'Closing';
