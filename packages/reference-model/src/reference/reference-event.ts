/** What can be done to the stack and to its model alike. */
import type { Frame, Request } from './vocabulary.ts';

/** What is done to the stack. */
export type ReferenceEvent =
  | { readonly type: 'request'; readonly request: Request }
  /** Frames put on the wire; with `racing` the machine is not given time to take them. */
  | { readonly type: 'frames'; readonly frames: readonly Frame[]; readonly racing: boolean }
  /** Held NBLs given back, by frame number. */
  | { readonly type: 'return'; readonly numbers: readonly number[] }
  /** Whether shared memory for queues can be had. */
  | { readonly type: 'memory'; readonly available: boolean }
  /** The miniport's current set has so many VM queues from here on; 0: it is withdrawn. */
  | { readonly type: 'capabilities'; readonly queues: number }
  | { readonly type: 'pause' }
  | { readonly type: 'restart' }
  /** Protocol B closes its binding, leaving what it has, and binds again. */
  | { readonly type: 'reopen' }
  /** The machine runs until it is at rest. */
  | { readonly type: 'settle' };
