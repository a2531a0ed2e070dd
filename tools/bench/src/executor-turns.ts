// Turns per second of the deterministic executor: what one batch costs before any agent does any work.
//
//   node tools/bench/dist/executor-turns.js
import {
  type AgentFactories,
  createDeterministicExecutor,
  createMachine,
  createVirtualClock,
} from '@vmq/machine';
import { median } from './measuring/quantile.ts';

const ROUNDS = 7;
const TURNS = 400_000;

/** How many of the agents always have more to do; `pair`: two wake each other, as a device and its processor do. */
type Busy = number | 'pair';

/** What an agent of kind `pair` is given: whom it wakes. */
interface PairData {
  readonly peer: number;
}

/** Millions of turns a second. Agents that are not busy sleep, as most guests of a host do. */
function measure(agents: number, busy: Busy): number {
  const clock = createVirtualClock();
  const names = Array.from({ length: agents - 1 }, (_, i) => `agent:${i}`);
  const machine = createMachine({
    hostMemoryBytes: 4096,
    processors: 1,
    agents: names,
    dropReasons: [],
    clock,
  });
  const factories: AgentFactories = {
    busy: () => ({ step: () => true, refresh() {} }),
    idle: () => ({ step: () => false, refresh() {} }),
    pair: (_context, { peer }: PairData) => ({
      step() {
        machine.board.wake(peer);
        return false;
      },
      refresh() {},
    }),
  };
  const executor = createDeterministicExecutor(machine, clock, { factories });
  executor.start(
    ['processor:0', ...names].map((name, i) => {
      if (busy === 'pair') return { name, factory: i < 2 ? 'pair' : 'idle', data: { peer: 1 - i } };
      return { name, factory: i < busy ? 'busy' : 'idle', data: null };
    }),
  );
  const run = (count: number): void => {
    const end = executor.turns + count;
    while (executor.turns < end) executor.step();
  };
  run(TURNS / 2);
  const rates = Array.from({ length: ROUNDS }, () => {
    const started = performance.now();
    run(TURNS);
    return TURNS / (performance.now() - started) / 1e3;
  });
  return median(rates);
}

const CASES: readonly (readonly [agents: number, busy: Busy])[] = [
  [2, 2],
  [2, 'pair'],
  [70, 2],
  [70, 'pair'],
  [70, 70],
];
for (const [agents, busy] of CASES) {
  const millions = measure(agents, busy).toFixed(1);
  console.log(
    `${String(agents).padStart(3)} agents, ${String(busy).padStart(4)} busy: ${millions} M turns/s`,
  );
}
