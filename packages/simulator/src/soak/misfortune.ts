/** What befalls a migration on its way, if anything: chosen at random, and whether it truly struck. */
import { NDIS_STATUS_FAILURE, NDIS_STATUS_RESOURCES } from '@vmq/abi';
import type { Host, PortRequest } from '@vmq/host';
import type { Random } from '@vmq/machine';
import { MIGRATION_STEPS, type MigrationStep } from '@vmq/migration';
import type { SwitchResult } from '@vmq/vswitch';
import { pick } from './population.ts';

export const MISFORTUNES = [
  'none',
  'cancelled',
  'vetoed',
  'damaged',
  'cut off',
  'refused',
  'thrown',
] as const;
export type MisfortuneKind = (typeof MISFORTUNES)[number];

/** Steps after which a migration can still be undone. */
const UNDOABLE = MIGRATION_STEPS.slice(0, MIGRATION_STEPS.indexOf('restore'));
/** Operations of the switches that a migration needs, and on which host; each may be refused once. */
const OPERATIONS = [
  ['source', 'disconnectNic'],
  ['source', 'deleteNic'],
  ['source', 'teardownPort'],
  ['destination', 'createPort'],
  ['destination', 'createNic'],
  ['destination', 'connectNic'],
  ['destination', 'attachChannel'],
] as const;

/** Thrown by a callback of a migration, and expected to come out of it again. */
export class SoakError extends Error {}

export class Misfortune {
  readonly kind: MisfortuneKind;
  struck = false;
  readonly #step: MigrationStep;
  readonly #message: number;
  readonly #operation: (typeof OPERATIONS)[number];
  readonly #cut: number;
  #messages = 0;

  /** One in four migrations meets with one. */
  constructor(random: Random) {
    this.kind = random.below(4) === 0 ? pick(random, MISFORTUNES.slice(1)) : 'none';
    this.#step = pick(random, this.kind === 'thrown' ? MIGRATION_STEPS : UNDOABLE);
    this.#message = random.below(5);
    this.#operation = pick(random, OPERATIONS);
    this.#cut = random.unit();
  }

  /** It has struck in a way that the migration cannot survive. */
  get isFatal(): boolean {
    return this.struck && (this.kind !== 'thrown' || UNDOABLE.includes(this.#step));
  }

  /** Begins; the returned function ends it. */
  begin(source: Host, destination: Host): () => void {
    if (this.kind !== 'refused') return () => {};
    const [whose, name] = this.#operation;
    const { virtualSwitch } = whose === 'source' ? source : destination;
    const operations = virtualSwitch as unknown as Record<string, (...args: unknown[]) => SwitchResult>;
    const real = operations[name] as (...args: unknown[]) => SwitchResult;
    operations[name] = (...args) => {
      if (this.struck) return real.apply(virtualSwitch, args);
      this.struck = true;
      return { status: NDIS_STATUS_RESOURCES, reason: `${name} refused`, port: 0 } as SwitchResult;
    };
    return () => {
      operations[name] = real;
    };
  }

  /** The destination is asked for a port. */
  admit({ isValidationPort }: PortRequest): SwitchResult | undefined {
    if (this.kind !== 'vetoed' || this.struck || isValidationPort !== this.#cut < 0.5) return undefined;
    this.struck = true;
    return { status: NDIS_STATUS_FAILURE, reason: 'vetoed' };
  }

  /** A step has been taken. */
  after(step: MigrationStep): 'cancel' | undefined {
    if (step !== this.#step || this.struck) return undefined;
    if (this.kind === 'cancelled') {
      this.struck = true;
      return 'cancel';
    }
    if (this.kind === 'thrown') {
      this.struck = true;
      throw new SoakError(`after ${step}`);
    }
    return undefined;
  }

  /** A message is on its way. */
  carry(bytes: Uint8Array): Uint8Array {
    const isHit = this.#messages++ === this.#message && !this.struck;
    if (!isHit || (this.kind !== 'damaged' && this.kind !== 'cut off')) return bytes;
    this.struck = true;
    const at = Math.floor(this.#cut * bytes.length);
    if (this.kind === 'cut off') return bytes.subarray(0, at);
    const copy = bytes.slice();
    copy[at] = copy[at] ^ (1 << (at & 7));
    return copy;
  }
}
