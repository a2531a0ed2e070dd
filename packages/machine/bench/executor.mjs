// Turns per second of the deterministic executor: what one batch costs before any agent does any work.
// Run after `tsc -b packages/machine`: node packages/machine/bench/executor.mjs
import { createDeterministicExecutor, createMachine, createVirtualClock } from '../dist/index.js';

const ROUNDS = 7;

/** `busy` agents always have more to do; the others sleep, as most guests of a host do. */
function measure(agents, busy, turns) {
  const clock = createVirtualClock();
  const names = Array.from({ length: agents - 1 }, (_, i) => `agent:${i}`);
  const machine = createMachine({
    hostMemoryBytes: 4096,
    processors: 1,
    agents: names,
    dropReasons: [],
    clock,
  });
  const factories = {
    busy: () => ({ step: () => true, refresh() {} }),
    idle: () => ({ step: () => false, refresh() {} }),
    // Two agents that wake each other: the usual life of a device and its processor.
    pair: (_, peer) => ({
      step() {
        machine.board.wake(peer);
        return false;
      },
      refresh() {},
    }),
  };
  const executor = createDeterministicExecutor(machine, clock, { factories });
  executor.start(
    ['processor:0', ...names].map((name, i) =>
      busy === 'pair' && i < 2
        ? { name, factory: 'pair', data: 1 - i }
        : { name, factory: busy !== 'pair' && i < busy ? 'busy' : 'idle', data: null },
    ),
  );
  const run = (count) => {
    const end = executor.turns + count;
    while (executor.turns < end) executor.step();
  };
  run(turns / 2);
  const rates = [];
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    run(turns);
    rates.push(turns / (performance.now() - began) / 1e3);
  }
  rates.sort((a, b) => a - b);
  return rates[ROUNDS >> 1];
}

for (const [agents, busy] of [
  [2, 2],
  [2, 'pair'],
  [70, 2],
  [70, 'pair'],
  [70, 70],
]) {
  const millions = measure(agents, busy, 400_000).toFixed(1);
  console.log(
    `${String(agents).padStart(3)} agents, ${String(busy).padStart(4)} busy: ${millions} M turns/s`,
  );
}
