// The whole OID path of a live adapter: known and unknown OIDs as queries, sets, methods and statistics, with valid and
// damaged buffers and with lengths that lie; from two protocols and from user mode.
//
// Two benches get the same requests, each with its own bytes around the information buffer; they must answer alike.
import { readFileSync } from 'node:fs';
import * as abi from '@vmq/abi';
import type { OidRequest } from '@vmq/ddi';
import {
  BENCH_KINDS,
  type Bench,
  type BenchKind,
  createBench,
} from '../../../../../packages/reference-model/dist/driver/bench.js';
import { edge, fromHex, mutate, noise } from '../../bytes.ts';
import { deterministic } from '../../deterministic.ts';
import { Arena, type ArenaKind, digest } from '../../guard.ts';
import type { Chance, Instance, Note, Target } from '../../target.ts';
import { METHOD, QUERY, type RequestType, SET, STATISTICS, validRequests } from './valid-oid-requests.ts';

const GOLDEN_BUFFERS = new URL('../../../../../packages/abi/data/golden-buffers.json', import.meta.url);
const goldens = (
  JSON.parse(readFileSync(GOLDEN_BUFFERS, 'utf8')) as { buffers: readonly { readonly hex: string }[] }
).buffers.map(({ hex }) => fromHex(hex));

/** Turns of agents that one request may take. */
const MOST_TURNS = 5000;
const ARENAS: readonly (readonly [ArenaKind, ArenaKind])[] = [
  ['plain', 'shared'],
  ['buffer', 'plain'],
  ['shared', 'buffer'],
];
const OIDS: readonly number[] = Object.entries(abi).flatMap(([name, value]) =>
  name.startsWith('OID_') && typeof value === 'number' ? [value] : [],
);
const VMQ_OIDS = OIDS.filter((oid) => oid >>> 8 === 0x102 || abi.oidUse(oid) !== undefined);

/** A request as it will be made. */
interface Plan {
  readonly oid: number;
  readonly type: RequestType;
  readonly bytes: Uint8Array;
  readonly input: number;
  readonly output: number;
  /** Of the information buffer. */
  readonly length: number;
  /** 0 user mode, 1 and 2 the second protocol, the rest the first. */
  readonly caller: number;
}

/** All that is told of a request when it has ended. */
interface Answer {
  readonly status: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly bytesNeeded: number;
  readonly supportedRevision: number;
  readonly answer: Uint8Array;
}

/** A length that lies. */
function lie(random: Chance, honest: number): number {
  return random.pick([
    0,
    1,
    3,
    honest - 1,
    honest + 1,
    honest + 4,
    edge(random),
    2 ** 32,
    -1,
    Number.NaN,
    0.5,
  ]);
}

function bindingOf({ binding }: Bench['A']): NonNullable<Bench['A']['binding']> {
  if (binding === null) throw new Error('a protocol has lost its binding');
  return binding;
}

/** An adapter, two protocols bound to it, and the memory in which requests to it lie. */
class Side {
  readonly bench: Bench;
  readonly #arena: Arena;
  readonly #completed: { readonly request: OidRequest; readonly status: number }[] = [];

  constructor(kind: BenchKind, arena: Arena) {
    this.#arena = arena;
    const listener = {
      completed: (request: OidRequest, status: number) => {
        this.#completed.push({ request, status });
      },
      indicated: () => {},
    };
    this.bench = createBench({ kind, seed: 7 }, { A: listener, B: listener });
  }

  ask({ oid, type, bytes, input, output, length, caller }: Plan, requestId: number): Answer {
    const whole = new Uint8Array(length);
    whole.set(bytes.subarray(0, length));
    const request: OidRequest = {
      requestType: type,
      oid,
      informationBuffer: this.#arena.place(whole, oid & 7),
      inputBufferLength: input,
      outputBufferLength: output,
      portNumber: 0,
      timeoutSeconds: 10,
      requestId,
      bytesRead: 0,
      bytesWritten: 0,
      bytesNeeded: 0,
      supportedRevision: 0,
    };
    const status = this.#statusOf(request, caller);
    const answer = new Uint8Array(request.informationBuffer);
    this.#arena.check(whole, true, (requestId & 63) === 0);
    const { bytesRead, bytesWritten, bytesNeeded, supportedRevision } = request;
    return { status, bytesRead, bytesWritten, bytesNeeded, supportedRevision, answer };
  }

  /** The status in which the request ended, at once or later. */
  #statusOf(request: OidRequest, caller: number): number {
    const { A, B, adapter } = this.bench;
    const executor = deterministic(this.bench.executor);
    const turns = executor.turns;
    this.#completed.length = 0;
    const status =
      caller === 0 ? adapter.userModeRequest(request) : bindingOf(caller < 3 ? B : A).oidRequest(request);
    executor.runUntilIdle();
    if (executor.turns - turns > MOST_TURNS)
      throw new Error(`${executor.turns - turns} turns for one request`);
    const [first] = this.#completed;
    if (status !== abi.NDIS_STATUS_PENDING) {
      if (first !== undefined) throw new Error('a completion of a request that did not pend');
      return status;
    }
    if (this.#completed.length !== 1 || first.request !== request)
      throw new Error(`${this.#completed.length} completions of a pending request`);
    return first.status;
  }

  async close(): Promise<void> {
    const nameless = this.bench.ndis.refusals.entries.find(
      ({ rule, expected, found }) => !rule || !expected || !found,
    );
    if (nameless !== undefined) throw new Error(`a refusal without a name: ${JSON.stringify(nameless)}`);
    await this.bench.stop();
  }
}

class Requests implements Instance {
  readonly #kind: BenchKind;
  readonly #sides: readonly Side[];
  readonly #corpus: ReturnType<typeof validRequests>;
  readonly #note: Note;
  #requestId = 1;

  constructor(random: Chance, note: Note) {
    this.#kind = random.pick(BENCH_KINDS);
    const [first, second] = random.pick(ARENAS);
    this.#sides = [
      new Side(this.#kind, new Arena(first, 0x00)),
      new Side(this.#kind, new Arena(second, 0xff)),
    ];
    this.#corpus = validRequests(this.#kind.startsWith('6.20') ? 620 : 630);
    this.#note = note;
  }

  #plan(random: Chance): Plan {
    let { oid, type, bytes } = random.pick(this.#corpus);
    const how = random.below(8);
    if (how === 0) bytes = noise(random, 1300);
    else if (how <= 4) bytes = mutate(random, bytes, random.pick(goldens), 8192);
    if (random.once(10)) oid = random.once(2) ? random.pick(VMQ_OIDS) : random.pick(OIDS);
    else if (random.once(60)) oid = random.next();
    if (random.once(12))
      // Also types that there are not.
      type = random.once(4)
        ? (random.below(20) as RequestType)
        : random.pick([QUERY, SET, STATISTICS, METHOD]);
    const asks = type === QUERY || type === STATISTICS;
    let input = asks ? 0 : bytes.length;
    let output = type === SET ? 0 : random.pick([bytes.length, bytes.length, 1200, 5000, 8, 0]);
    let length = Math.max(input, output);
    if (random.once(8)) {
      if (random.once(2)) input = lie(random, input);
      else output = lie(random, output);
      if (random.once(4)) length = random.below(64);
    }
    return { oid, type, bytes, input, output, length, caller: random.below(8) };
  }

  one(random: Chance): string {
    const plan = this.#plan(random);
    const requestId = ++this.#requestId;
    const { oid, type, bytes, input, output, length, caller } = plan;
    this.#note(
      `oid 0x${oid.toString(16)} type ${type} input ${input} output ${output} buffer ${length} ` +
        `on ${this.#kind}, caller ${caller}: ${Buffer.from(bytes).toString('hex')}`,
    );
    const [first, second] = this.#sides.map((side) => side.ask(plan, requestId));
    if (digest(first) !== digest(second)) throw new Error('bytes outside the buffer changed the answer');
    const name = abi.statusName(first.status);
    if (!name.startsWith('NDIS_STATUS_')) throw new Error(`status ${name} has no name`);
    if (first.bytesRead > Math.min(length, Math.max(input, 0)) || first.bytesWritten > length)
      throw new Error(`${name}: ${first.bytesRead} bytes read, ${first.bytesWritten} written`);
    return first.status === abi.NDIS_STATUS_SUCCESS ? 'success' : `refused: ${name}`;
  }

  async close(): Promise<void> {
    for (const side of this.#sides) await side.close();
  }
}

export const oidRequests: Target = {
  name: 'oid-requests',
  about: 'OID requests to a live adapter, from two protocols and from user mode',
  perSession: 2000,
  open: (random, note) => new Requests(random, note),
};
