// The host's worker threads with instruments of the benchmark's own in them:
//   an agent of the NIC  keeps its wire full, or puts a frame on it at each tick of a clock: a generator beside it
//   a VM's agent         reads the clock when frames have come
//   every agent          can be told to look for work all the time instead of sleeping until it is woken
// They are started and ended by messages: `executor.post('nic', { op: 'generate', … })`, `{ op: 'cease' }`.
import { hostAgentFactories } from '../../../packages/host/dist/agent-factories.js';
import { FrameConsumer, runWorker } from '../../../packages/machine/dist/index.js';
import { PreparedRing } from '../prepared-ring.mjs';
import { monotonicNs } from '../stopwatch.mjs';

/** Vain looks for room, a fraction of a microsecond each, before a thread that can only wait for another naps. */
const PATIENCE = 500;
const NAP = new Int32Array(new SharedArrayBuffer(4));

const factories = hostAgentFactories();
runWorker({
  nic: (context, data) => withInstrument(factories.nic(context, data), generator(context, data)),
  guest: (context, data) => withInstrument(factories.guest(context, data), arrivalClock(data)),
  processor: (context, data) => withInstrument(factories.processor(context, data), spinner()),
});

/** `instrument`: { op: what starts it, begin(message), before(), after() }. */
function withInstrument(agent, instrument) {
  let isOn = false;
  return {
    step() {
      if (!isOn) return agent.step();
      instrument.before?.();
      const more = agent.step();
      return instrument.after?.() || more;
    },
    refresh(messages) {
      const others = [];
      for (const message of messages) {
        if (message.op === instrument.op) {
          instrument.begin?.(message);
          isOn = true;
        } else if (message.op === 'cease') isOn = false;
        else others.push(message);
      }
      agent.refresh(others);
    },
  };
}

/** { op: 'spin' }: pending all the time. */
function spinner() {
  return { op: 'spin', after: () => true };
}

/**
 * { op: 'generate', origin, interval, frames, window }: frame i at origin + i × interval, in ns of the monotonic clock.
 * { op: 'generate', interval: 0, window, least, endedBefore }: as many as there can be, `least` or more at a time. All
 * engines may be told so: whoever finds that there is room gives frames to all. `endedBefore`: when none had been given.
 * In both cases there are never more than `window` frames between the wire and their end.
 */
function generator({ machine }, { rx }) {
  const words = new Int32Array(rx.buffer);
  const wire = new FrameConsumer(rx);
  const headWords = Array.from({ length: rx.consumers }, (_, i) => wire.headWord(i));
  const { ledger } = machine;
  // Frames from the wire end at the NIC or on a processor. Every look at a counter that another core has just written
  // costs that core's time, too.
  const ends = ledger.names.flatMap((name, i) =>
    name === 'delivered' || name.startsWith('dropped.') ? [i] : [],
  );
  const device = machine.agent('nic');
  const wakeEngines = () => {
    for (let engine = 0; engine < rx.consumers; engine++) machine.board.wake(device + engine);
  };
  const rows = machine.agentNames.flatMap((name, agent) =>
    name.startsWith('vm:') ? [] : [ledger.row(agent)],
  );
  const ended = () => {
    let sum = 0;
    for (const row of rows) for (const column of ends) sum += row[column];
    return sum;
  };
  let ring = null;
  let order = null;
  let endedBefore = 0;
  let known = 0;
  let vain = 0;
  return {
    op: 'generate',
    begin(message) {
      order = message;
      ring = new PreparedRing(words, wakeEngines, headWords);
      endedBefore = message.endedBefore ?? ended();
      known = 0;
    },
    before() {
      if (order.interval === 0) saturate();
      else tick();
    },
    // A device that polls its wire.
    after: () => true,
  };

  function saturate() {
    const { window, least } = order;
    const offered = ring.readTail();
    if (((offered - known) | 0) > window - least) known = ended() - endedBefore;
    const room = Math.min(window - ((offered - known) | 0), rx.slots - ring.waiting);
    if (room >= least) {
      ring.tryOffer(room);
      vain = 0;
    } else if (++vain > PATIENCE) Atomics.wait(NAP, 0, 0, 0.05); // another thread may need this one's core to go on
  }

  function tick() {
    const { origin, interval, frames, window } = order;
    // As many as are due; when somebody was held up they come in a burst, late by their own clock, but none is lost.
    const due = Math.min(frames, Math.floor((monotonicNs() - origin) / interval) + 1);
    if (due <= ring.offered) return;
    if (due - known > window) known = ended() - endedBefore;
    const count = Math.min(due, known + window) - ring.offered;
    if (count > 0) ring.offer(count);
  }
}

/**
 * { op: 'clock', origin, interval, counts, latencies }: frame i was due at origin + i × interval; when it is seen, its
 * latency in ns goes to latencies[i] and the number of those seen to counts[0]. Interval 0: counts[1] says when, in
 * ns, the one frame under way was sent, and the agent sleeps in between.
 */
function arrivalClock(data) {
  const statistics = new Float64Array((data ?? { statistics: new SharedArrayBuffer(8) }).statistics);
  let order = null;
  let counts = null;
  let latencies = null;
  let first = 0;
  let seen = 0;
  return {
    op: 'clock',
    begin(message) {
      order = message;
      counts = new Float64Array(message.counts);
      latencies = new Float64Array(message.latencies);
      first = statistics[0];
      seen = 0;
    },
    after() {
      const { origin, interval } = order;
      const until = statistics[0] - first;
      if (until > seen) {
        const now = monotonicNs();
        for (; seen < until; seen++)
          latencies[seen] = now - (interval === 0 ? counts[1] : origin + seen * interval);
        counts[0] = seen;
      }
      return interval !== 0;
    },
  };
}
