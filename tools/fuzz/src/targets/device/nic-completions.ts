// What the device writes back, damaged on its way: receive completions and heads, transmit heads, as the miniport reads them
// while frames come and go. The miniport believes none of it more than it must: no exception, no endless turn, no frame that
// ends twice.
//
// The last of these is asked only where one kind of word is damaged in a session: who forges an entry and the head as
// well makes a frame of nothing, and there is nothing left to tell it by.
import { checkHostConfig, createHost, type Host } from '@vmq/host';
import type { DeterministicExecutor } from '@vmq/machine';
import { COMPLETION_BYTES, REG, RX_QUEUE_STRIDE, TX_QUEUE_STRIDE } from '@vmq/nic';
import { edge } from '../../bytes.ts';
import { deterministic } from '../../deterministic.ts';
import type { Chance, Instance, Note, Target } from '../../target.ts';

const MOST_TURNS = 20_000;
const MACS = [1, 2, 3];
const BROADCAST = 255;
/** Words of a completion, and entries of a ring. */
const COMPLETION_WORDS = COMPLETION_BYTES / 4;
const RING_ENTRIES = 32;

/** What is damaged in a session, as a range of kinds: 0 to 4 completions, 5 and 6 receive heads, 7 transmit heads. */
interface Aim {
  readonly low: number;
  readonly high: number;
  readonly what: string;
}
const ALL: Aim = { low: 0, high: 8, what: 'all' };
const AIMS: readonly Aim[] = [
  { low: 0, high: 5, what: 'completions' },
  { low: 5, high: 7, what: 'receive heads' },
  { low: 7, high: 8, what: 'transmit heads' },
  ALL,
];

/** A word of host memory that gets another value, or one bit of it the other way round. */
interface Damage {
  readonly at: number;
  readonly flip: boolean;
  readonly value: number;
}

/** What one buffer does. */
interface Plan {
  readonly queue: number;
  readonly damage: readonly Damage[];
  readonly frames: readonly (readonly [mac: number, length: number])[];
  /** Turns between the frames and the damage. */
  readonly turns: number;
}

function hostOf(random: Chance, split: boolean): Host {
  const checked = checkHostConfig({
    processors: 2,
    seed: random.next() >>> 1,
    ndisVersion: split ? '6.20' : '6.30',
    nic: { receiveBuffers: RING_ENTRIES },
    maxVms: MACS.length,
    vms: MACS.map((mac) => ({ name: `vm${mac}`, mac: `00-15-5D-00-00-0${mac}`, answer: true })),
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return createHost(checked.config, { record: true });
}

function barOf(host: Host): Int32Array {
  const bar = host.machine.memory.segments.find(({ name }) => name === 'nic');
  if (bar === undefined) throw new Error('the NIC has no registers');
  return bar.i32;
}

class Completions implements Instance {
  readonly #split: boolean;
  readonly #aim: Aim;
  readonly #host: Host;
  readonly #executor: DeterministicExecutor;
  readonly #bar: Int32Array;
  readonly #note: Note;
  readonly #frame = new Uint8Array(400);

  constructor(random: Chance, note: Note) {
    this.#split = random.once(3);
    this.#aim = random.pick(AIMS);
    this.#host = hostOf(random, this.#split);
    this.#executor = deterministic(this.#host.executor);
    this.#bar = barOf(this.#host);
    this.#note = note;
  }

  #register(register: number, queue: number, stride: number): number {
    return this.#bar[(register + queue * stride) >> 2];
  }

  #damageOf(random: Chance, queue: number): Damage {
    const { low, high } = this.#aim;
    const kind = low + random.below(high - low);
    const damage = (at: number): Damage => ({ at, flip: random.once(2), value: edge(random) });
    if (kind >= 7) return damage(this.#register(REG.TSBASE, queue, TX_QUEUE_STRIDE) >> 2);
    if (kind >= 5) return damage(this.#register(REG.RSBASE, queue, RX_QUEUE_STRIDE) >> 2);
    const base = this.#register(REG.RCBASE, queue, RX_QUEUE_STRIDE);
    const head = this.#register(REG.RDH, queue, RX_QUEUE_STRIDE);
    const entry = (random.once(2) ? head - 1 + random.below(3) : random.next()) & (RING_ENTRIES - 1);
    return damage((base >> 2) + entry * COMPLETION_WORDS + random.below(COMPLETION_WORDS));
  }

  #plan(random: Chance): Plan {
    const queue = random.below(4);
    const damage = Array.from({ length: random.below(3) }, () => this.#damageOf(random, queue));
    const frames = Array.from({ length: random.below(5) }, (): [number, number] => [
      random.pick([...MACS, BROADCAST]),
      60 + random.below(200),
    ]);
    return { queue, damage, frames, turns: random.below(12) };
  }

  #send(mac: number, length: number): void {
    const frame = this.#frame;
    frame.fill(mac);
    frame.set(mac === BROADCAST ? [255, 255, 255, 255, 255, 255] : [0x00, 0x15, 0x5d, 0, 0, mac]);
    frame.set([2, 0, 0, 0, 0, 9, 8, 0], 6);
    this.#host.wire.send(frame, 0, length);
  }

  one(random: Chance): string {
    const plan = this.#plan(random);
    this.#note(JSON.stringify({ ...plan, split: this.#split }));
    const { wire, machine } = this.#host;
    const executor = this.#executor;
    for (const [mac, length] of plan.frames) this.#send(mac, length);
    wire.flush();
    for (let n = 0; n < plan.turns; n++) executor.step();
    const memory = machine.memory.host.i32;
    for (const { at, flip, value } of plan.damage)
      if (at > 0) memory[at] = flip ? memory[at] ^ (1 << (value & 31)) : value;
    for (let n = 0; executor.step(); n++)
      if (n > MOST_TURNS) throw new Error(`not at rest after ${MOST_TURNS} turns`);
    for (const mac of MACS)
      this.#host.takeReceived(`vm${mac}`, ({ length }) => {
        if (!(length >= 14 && length <= 1514)) throw new Error(`a frame of ${length} bytes`);
      });
    const { ledger } = this.#host.inspect();
    if (ledger.inFlight < 0 && this.#aim !== ALL)
      throw new Error(`more frames ended than came: ${JSON.stringify(ledger)}`);
    return plan.damage.length === 0 ? 'as it was' : `damaged: ${this.#aim.what}`;
  }

  async close(): Promise<void> {
    await this.#host.stop();
  }
}

export const nicCompletions: Target = {
  name: 'nic-completions',
  about: 'receive completions, heads and transmit heads as the miniport reads them',
  perSession: 1000,
  open: (random, note) => new Completions(random, note),
};
