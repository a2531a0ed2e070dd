/**
 * What NDIS refused, and which promises drivers broke, with the reason.
 *
 * A *refusal* is an answer: the caller asked for something that a requirement forbids, and got the status. A
 * *violation* is a broken promise of a driver that no status can answer (a second DmaStopped indication, shared
 * memory left behind at halt); NDIS carries on and writes it down. Requirement ids are those of the project's
 * list, e.g. `FLT-17`.
 */
export type RefusalKind = 'refusal' | 'violation';

export interface RefusalRecord {
  readonly kind: RefusalKind;
  /** Running number, from 1. */
  readonly number: number;
  readonly adapter: string;
  /** Id of the requirement, or a rule name such as `NdisOidDoubleComplete`. */
  readonly rule: string;
  /** OID of the request at fault; 0 if it was none. */
  readonly oid: number;
  /** NDIS_STATUS the caller got; 0 for a violation that no status answers. */
  readonly status: number;
  readonly expected: string;
  readonly found: string;
  /** Objects concerned, e.g. `{ queueId: 3, filterId: 7 }`. */
  readonly ids: Readonly<Record<string, number | string>>;
}

/** The readable part of the log. */
export interface RefusalLog {
  /** The newest records, oldest first. */
  readonly entries: readonly RefusalRecord[];
  readonly last: RefusalRecord | null;
  /** Records ever made; `entries` keeps the newest {@link REFUSALS_KEPT}. */
  readonly count: number;
  /** Calls `listener` for every new record; the result unsubscribes it. */
  subscribe(listener: (record: RefusalRecord) => void): () => void;
}

/** Records kept; older ones are forgotten. */
export const REFUSALS_KEPT = 4096;

/** One line for people: `FLT-17: expected …, found … (queueId 3) → NDIS_STATUS_…` without the status name. */
export function refusalLine(record: RefusalRecord): string {
  const ids = Object.entries(record.ids)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
  return `${record.rule}: expected ${record.expected}, found ${record.found}${ids === '' ? '' : ` (${ids})`}`;
}

export class RefusalRecorder implements RefusalLog {
  readonly #entries: RefusalRecord[] = [];
  readonly #listeners = new Set<(record: RefusalRecord) => void>();
  #count = 0;

  get entries(): readonly RefusalRecord[] {
    return this.#entries;
  }

  get last(): RefusalRecord | null {
    return this.#entries.at(-1) ?? null;
  }

  get count(): number {
    return this.#count;
  }

  subscribe(listener: (record: RefusalRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  record(entry: Omit<RefusalRecord, 'number'>): void {
    const record = { ...entry, number: ++this.#count };
    this.#entries.push(record);
    if (this.#entries.length > REFUSALS_KEPT) this.#entries.shift();
    for (const listener of this.#listeners) listener(record);
  }
}

/** The log as one adapter writes to it. */
export class AdapterRefusals {
  readonly #log: RefusalRecorder;
  readonly #adapter: string;

  constructor(log: RefusalRecorder, adapter: string) {
    this.#log = log;
    this.#adapter = adapter;
  }

  /** Writes a refusal down and returns its status. */
  refuse(
    rule: string,
    oid: number,
    status: number,
    expected: string,
    found: string,
    ids: Readonly<Record<string, number | string>> = {},
  ): number {
    this.#log.record({ kind: 'refusal', adapter: this.#adapter, rule, oid, status, expected, found, ids });
    return status;
  }

  violation(
    rule: string,
    expected: string,
    found: string,
    ids: Readonly<Record<string, number | string>> = {},
    oid: number = 0,
  ): void {
    this.#log.record({
      kind: 'violation',
      adapter: this.#adapter,
      rule,
      oid,
      status: 0,
      expected,
      found,
      ids,
    });
  }

  /** Writes a violation down and throws it: for misuse that nothing sensible can follow. */
  fail(
    rule: string,
    expected: string,
    found: string,
    ids: Readonly<Record<string, number | string>> = {},
  ): never {
    this.violation(rule, expected, found, ids);
    throw new Error(`${rule} (adapter ${this.#adapter}): expected ${expected}, found ${found}`);
  }
}
