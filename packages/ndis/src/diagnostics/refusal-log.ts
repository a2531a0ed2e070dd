/**
 * What NDIS refused, and which promises drivers broke, with the reason.
 *
 * A *refusal* is an answer: the caller asked for something that a requirement forbids, and got the status. A
 * *violation* is a broken promise of a driver that no status can answer (a second DmaStopped indication, shared
 * memory left behind at halt); NDIS carries on and writes it down. A violation with a `page` is *advice*: that page asks
 * something of drivers and does not say that NDIS refuses who does otherwise, so NDIS goes on with what it has
 * (INIT-21). Requirement ids are those of the project's list, e.g. `FLT-17`.
 */
import { oidName, statusName } from '@vmq/abi';
import { printAs } from '@vmq/machine';

export type RefusalKind = 'refusal' | 'violation';

export interface RefusalRecord {
  readonly kind: RefusalKind;
  /** Running number, from 1. */
  readonly number: number;
  /** Name of the adapter; of a driver that was not registered, the driver's. */
  readonly adapter: string;
  /** Id of the requirement, or a rule name such as `NdisOidDoubleComplete`. */
  readonly rule: string;
  /** OID of the request at fault; 0 if it was none. */
  readonly oid: number;
  /** NDIS_STATUS the caller got; 0 for a violation that no status answers. */
  readonly status: number;
  readonly expected: string;
  readonly found: string;
  /** Of advice: the page of Microsoft's documentation that asks for it; else ''. */
  readonly page: string;
  /** Objects concerned, e.g. `{ queueId: 3, filterId: 7 }`. */
  readonly ids: Readonly<Record<string, number | string>>;
}

/** The readable part of the log. It prints as lines, one a record. */
export interface RefusalLog {
  /** The newest records, oldest first. Each prints as a line. */
  readonly entries: readonly RefusalRecord[];
  readonly last: RefusalRecord | null;
  /** Records ever made; `entries` keeps the newest {@link REFUSALS_KEPT}. */
  readonly count: number;
  /** Calls `listener` for every new record; the result unsubscribes it. */
  subscribe(listener: (record: RefusalRecord) => void): () => void;
  /** The kept records, a line each, below a line that counts them. */
  toString(): string;
}

/** Records kept; older ones are forgotten. */
export const REFUSALS_KEPT = 4096;

/** Different pieces of advice that one adapter remembers. */
const ADVICE_KEPT = 256;

/** One line for people: `FLT-17: expected …, found … (queueId 3)`. Of advice also the page that asks for it. */
export function refusalLine(record: RefusalRecord): string {
  const ids = Object.entries(record.ids)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
  const page = record.page === '' ? '' : ` [${record.page}]`;
  return `${record.rule}: expected ${record.expected}, found ${record.found}${ids === '' ? '' : ` (${ids})`}${page}`;
}

/** `#3 nic0 refusal of OID_…: FLT-17: expected …, found … (queueId 3): NDIS_STATUS_INVALID_PARAMETER`. */
function fullLine(record: RefusalRecord): string {
  const { number, adapter, kind, oid, page, status } = record;
  const what = page === '' ? kind : 'advice';
  const subject = oid === 0 ? '' : ` of ${oidName(oid)}`;
  const answer = kind === 'refusal' ? `: ${statusName(status)}` : '';
  return `#${number} ${adapter} ${what}${subject}: ${refusalLine(record)}${answer}`;
}

/** What records inherit: they print as the line they stand for. */
const PRINTED: object = printAs(
  {
    toString(this: RefusalRecord): string {
      return fullLine(this);
    },
  },
  (record) => `${record}`,
);

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

  record(entry: Omit<RefusalRecord, 'number'>): RefusalRecord {
    const record: RefusalRecord = Object.assign(Object.create(PRINTED), { number: ++this.#count, ...entry });
    this.#entries.push(record);
    if (this.#entries.length > REFUSALS_KEPT) this.#entries.shift();
    for (const listener of this.#listeners) listener(record);
    return record;
  }

  toString(): string {
    if (this.#count === 0) return 'nothing refused, no rule broken';
    const kept = this.#entries.length;
    const head = kept === this.#count ? `${kept} records` : `the last ${kept} of ${this.#count} records`;
    return [`refusals and broken rules, ${head}:`, ...this.#entries.map((entry) => `  ${entry}`)].join('\n');
  }

  toJSON(): { readonly count: number; readonly entries: readonly RefusalRecord[] } {
    return { count: this.#count, entries: this.#entries };
  }

  static {
    printAs(RefusalRecorder.prototype, (log) => log.toString());
  }
}

type Ids = RefusalRecord['ids'];

/** What a caller does not keep to: the rule, the NDIS_STATUS that answers it, and what the rule expects. */
export type BrokenRule = Pick<RefusalRecord, 'rule' | 'status' | 'expected'>;

/** The log as one adapter writes to it. */
export class AdapterRefusals {
  readonly #log: RefusalRecorder;
  readonly #adapter: string;
  readonly #advice: RefusalRecord[] = [];

  constructor(log: RefusalRecorder, adapter: string) {
    this.#log = log;
    this.#adapter = adapter;
  }

  /** What pages ask of this adapter's drivers and they do not keep: each once, the newest last. */
  get advice(): readonly RefusalRecord[] {
    return this.#advice;
  }

  /** Writes a refusal down and returns its status. */
  refuse({ rule, status, expected }: BrokenRule, found: string, ids: Ids = {}, oid: number = 0): number {
    this.#write({ kind: 'refusal', rule, oid, status, expected, found, page: '', ids });
    return status;
  }

  violation(rule: string, expected: string, found: string, ids: Ids = {}, oid: number = 0): void {
    this.#write({ kind: 'violation', rule, oid, status: 0, expected, found, page: '', ids });
  }

  /** Writes down what `page` asks of drivers and this one does not keep. NDIS goes on (INIT-21). */
  advise(rule: string, page: string, expected: string, found: string, ids: Ids = {}): void {
    const known = this.#advice.some(
      (one) => one.rule === rule && one.expected === expected && one.found === found,
    );
    const record = this.#write({ kind: 'violation', rule, oid: 0, status: 0, expected, found, page, ids });
    if (known) return;
    this.#advice.push(record);
    if (this.#advice.length > ADVICE_KEPT) this.#advice.shift();
  }

  /** Writes a violation down and throws it: for misuse that nothing sensible can follow. */
  fail(rule: string, expected: string, found: string, ids: Ids = {}): never {
    this.violation(rule, expected, found, ids);
    throw new Error(`${rule} (adapter ${this.#adapter}): expected ${expected}, found ${found}`);
  }

  #write(entry: Omit<RefusalRecord, 'number' | 'adapter'>): RefusalRecord {
    return this.#log.record({ adapter: this.#adapter, ...entry });
  }
}
