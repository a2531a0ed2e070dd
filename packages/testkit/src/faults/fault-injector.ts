/** Faults into a running host, all from one seeded stream. */
import type { Random } from '@vmq/machine';
import type { FaultHost, FaultWire } from './fault-host.ts';
import type { FaultName, FaultParameters } from './fault-names.ts';

/** What became of a wish for a fault. */
export interface Injection {
  readonly accepted: boolean;
  /** What was done, or why nothing was. */
  readonly why: string;
}

export interface FaultInjector {
  /** Lets something go wrong. Not accepted where the host has nothing it could happen to at present. */
  inject(name: FaultName, parameters?: FaultParameters): Injection;
  /**
   * Ends every fault that lasts; what is permanent stays. The stack then needs some time to notice: see
   * {@link FaultInjector.passTime} and {@link RECOVERY}.
   */
  heal(): void;
  /** Lets `nanoseconds` of the machine's time go by: agents run, NDIS's timers and checks for hang too. */
  passTime(nanoseconds: number): void;
  /** The host's wire with what goes wrong on it. Send through this instead of `host.wire`. */
  readonly wire: FaultWire;
  /** Accepted injections by name. */
  readonly counts: Readonly<Record<FaultName, number>>;
  /** Names of faults that still last. */
  readonly lasting: readonly FaultName[];
}

/** Faults for `host`, drawn from `random` (fork one for it). */
export function createFaultInjector(_host: FaultHost, _random: Random): FaultInjector {
  throw new Error('not made yet');
}
