// The host's worker threads with instruments of the benchmark's own in them:
//   an agent of the NIC  keeps its wire full, or puts a frame on it at each tick of a clock: a generator beside it
//   a VM's agent         reads the clock when frames have come
//   every agent          can be told to look for work all the time instead of sleeping until it is woken
// They are started and ended by messages: `executor.post('nic', { op: 'generate', … })`, `{ op: 'cease' }`.
import {
  type Agent,
  type AgentContext,
  type AgentFactory,
  FrameConsumer,
  type FrameRingImage,
  runWorker,
} from '@vmq/machine';
import { hostAgentFactories } from '../../../../packages/host/dist/agents/agent-factories.js';
import { monotonicNs } from '../measuring/stopwatch.ts';
import { PreparedRing } from '../traffic/prepared-ring.ts';
import type { ClockMessage, GenerateMessage, ThreadMessage } from './thread-messages.ts';

/** Vain looks for room, a fraction of a microsecond each, before a thread that can only wait for another naps. */
const LOOKS_BEFORE_NAP = 500;
const NAP = new Int32Array(new SharedArrayBuffer(4));

/** What is done beside an agent while it is switched on. */
interface Instrument {
  /** What switches it on. */
  readonly op: ThreadMessage['op'];
  begin?(message: ThreadMessage): void;
  /** Before a turn of the agent, and after it: true if there is more to do. */
  before?(): void;
  after(): boolean;
}

const isMessage = (message: unknown): message is ThreadMessage =>
  typeof message === 'object' && message !== null && 'op' in message;

function withInstrument(agent: Agent, instrument: Instrument): Agent {
  let isOn = false;
  return {
    step() {
      if (!isOn) return agent.step();
      instrument.before?.();
      const more = agent.step();
      return instrument.after() || more;
    },
    refresh(messages) {
      const others: unknown[] = [];
      for (const message of messages) {
        if (isMessage(message) && message.op === instrument.op) {
          instrument.begin?.(message);
          isOn = true;
        } else if (isMessage(message) && message.op === 'cease') isOn = false;
        else others.push(message);
      }
      agent.refresh(others);
    },
  };
}

const spinner: Instrument = { op: 'spin', after: () => true };

/** Frames that have ended, by the counters of the NIC and the processors; these end at no other place. */
function endCounter({ machine }: AgentContext): () => number {
  const { ledger } = machine;
  const ends = ledger.names.flatMap((name, i) =>
    name === 'delivered' || name.startsWith('dropped.') ? [i] : [],
  );
  const rows = machine.agentNames.flatMap((name, agent) =>
    name.startsWith('vm:') ? [] : [ledger.row(agent)],
  );
  return () => {
    let sum = 0;
    for (const row of rows) for (const column of ends) sum += row[column];
    return sum;
  };
}

class Generator implements Instrument {
  readonly op = 'generate';
  readonly #slots: number;
  readonly #makeRing: () => PreparedRing;
  readonly #ended: () => number;
  #ring: PreparedRing;
  #order: GenerateMessage = { op: 'generate', interval: 0, window: 0 };
  #endedBefore = 0;
  /** Frames that are known to have ended. Every look at a counter that another core has just written costs that core's time, too. */
  #known = 0;
  #vain = 0;

  constructor(context: AgentContext, rx: FrameRingImage) {
    const { machine } = context;
    const words = new Int32Array(rx.buffer);
    const wire = new FrameConsumer(rx);
    const headWords = Array.from({ length: rx.consumers }, (_, i) => wire.headWord(i));
    const device = machine.agent('nic');
    const wakeEngines = (): void => {
      for (let engine = 0; engine < rx.consumers; engine++) machine.board.wake(device + engine);
    };
    this.#slots = rx.slots;
    this.#makeRing = () => new PreparedRing(words, wakeEngines, headWords);
    this.#ring = this.#makeRing();
    this.#ended = endCounter(context);
  }

  begin(message: ThreadMessage): void {
    if (message.op !== 'generate') return;
    this.#order = message;
    this.#ring = this.#makeRing();
    this.#endedBefore = message.endedBefore ?? this.#ended();
    this.#known = 0;
  }

  before(): void {
    if (this.#order.interval === 0) this.#saturate();
    else this.#tick();
  }

  /** A device that polls its wire. */
  after(): boolean {
    return true;
  }

  #saturate(): void {
    const { window, least = 1 } = this.#order;
    const ring = this.#ring;
    const offered = ring.readTail();
    const underWay = (): number => (offered - this.#known) | 0; // counters wrap
    if (underWay() > window - least) this.#known = this.#ended() - this.#endedBefore;
    const room = Math.min(window - underWay(), this.#slots - ring.waiting);
    if (room >= least) {
      ring.tryOffer(room);
      this.#vain = 0;
    } else if (++this.#vain > LOOKS_BEFORE_NAP) Atomics.wait(NAP, 0, 0, 0.05); // another thread may need this one's core
  }

  #tick(): void {
    const { origin = 0, interval, frames = 0, window } = this.#order;
    const ring = this.#ring;
    // As many as are due; when somebody was held up they come in a burst, late by their own clock, but none is lost.
    const due = Math.min(frames, Math.floor((monotonicNs() - origin) / interval) + 1);
    if (due <= ring.offered) return;
    if (due - this.#known > window) this.#known = this.#ended() - this.#endedBefore;
    const count = Math.min(due, this.#known + window) - ring.offered;
    if (count > 0) ring.offer(count);
  }
}

class ArrivalClock implements Instrument {
  readonly op = 'clock';
  readonly #statistics: Float64Array;
  #order: Pick<ClockMessage, 'origin' | 'interval'> = { origin: 0, interval: 0 };
  #counts: Float64Array = new Float64Array(2);
  #latencies: Float64Array = new Float64Array(0);
  #first = 0;
  #seen = 0;

  constructor(statistics: SharedArrayBuffer) {
    this.#statistics = new Float64Array(statistics);
  }

  begin(message: ThreadMessage): void {
    if (message.op !== 'clock') return;
    this.#order = message;
    this.#counts = new Float64Array(message.counts);
    this.#latencies = new Float64Array(message.latencies);
    this.#first = this.#statistics[0];
    this.#seen = 0;
  }

  after(): boolean {
    const { origin, interval } = this.#order;
    const until = this.#statistics[0] - this.#first;
    if (until > this.#seen) {
      const now = monotonicNs();
      for (; this.#seen < until; this.#seen++)
        this.#latencies[this.#seen] =
          now - (interval === 0 ? this.#counts[1] : origin + this.#seen * interval);
      this.#counts[0] = this.#seen;
    }
    return interval !== 0;
  }
}

/** As much of what the host gives its agents as the instruments look at. */
interface NicData {
  readonly rx: FrameRingImage;
}
interface GuestData {
  readonly statistics: SharedArrayBuffer;
}

const factories = hostAgentFactories();

/** The host's own agent of this kind; only its factory knows what its data is. */
function hostAgent(kind: 'nic' | 'guest' | 'processor', context: AgentContext, data: unknown): Agent {
  const factory = factories[kind] as AgentFactory;
  return factory(context, data);
}

runWorker({
  nic: (context, data: NicData) =>
    withInstrument(hostAgent('nic', context, data), new Generator(context, data.rx)),
  guest: (context, data: GuestData | null) =>
    withInstrument(
      hostAgent('guest', context, data),
      new ArrivalClock(data?.statistics ?? new SharedArrayBuffer(8)),
    ),
  processor: (context, data: unknown) => withInstrument(hostAgent('processor', context, data), spinner),
});
