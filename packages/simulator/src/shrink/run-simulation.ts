/** Plays scenarios: what a seed means, and what a recorded failure says. */
import { createRandom, TRACE_ALL } from '@vmq/machine';
import { type Invariant, SimulationFailure } from '../audit/simulation-failure.ts';
import { randomConfig, type SimulationConfig } from '../steps/simulation-config.ts';
import { randomStep, type SimulationStep, type StepChoices } from '../steps/simulation-step.ts';
import { drawSwarm } from '../steps/swarm.ts';
import { World } from '../world/world.ts';

/** Most frames that a world at rest, or one whose life is to go on, is probed with. */
const PROBES: Partial<Record<SimulationStep['do'], number>> = { rest: 8, live: 256 };

/** A world, and what is done to it. */
export interface Scenario {
  readonly config: SimulationConfig;
  readonly steps: readonly SimulationStep[];
}

export interface Outcome {
  readonly traceHash: string;
  /** Steps taken, the failing one included. */
  readonly steps: number;
  readonly failure: Fault | null;
  /** It was stopped before its end, with nothing wrong until then. */
  readonly interrupted: boolean;
  /** The newest trace records in words, oldest first; empty unless they were asked for. */
  readonly trace: readonly string[];
}

export interface Fault {
  readonly invariant: Invariant;
  readonly message: string;
  /** Number of the step after which it was seen, from 1; one more than there are: at the end of the world. */
  readonly step: number;
}

export function scenarioOf(seed: number, steps: number, choices: StepChoices): Scenario {
  const random = createRandom(seed);
  const config = randomConfig(random.fork('config'));
  const swarm = drawSwarm(random.fork('swarm'));
  const drawn = random.fork('steps');
  return { config, steps: Array.from({ length: steps }, () => randomStep(drawn, choices, swarm)) };
}

/**
 * Does what a scenario says. Never throws for what the stack does. `traced`: newest trace records to return.
 * `interrupted` is asked before each step. `marks` counts the rare branches that were taken.
 */
export function play(
  { config, steps }: Scenario,
  traced: number = 0,
  interrupted: () => boolean = () => false,
  marks: Map<string, number> | null = null,
): Outcome {
  let taken = 0;
  let world: World | null = null;
  let failure: Fault | null = null;
  let wasInterrupted = false;
  try {
    world = new World(
      config,
      framesOf(steps),
      traced === 0 ? { records: 2, level: 0 } : { records: 1024, level: TRACE_ALL },
      marks,
    );
    for (const step of steps) {
      wasInterrupted = interrupted();
      if (wasInterrupted) break;
      taken++;
      world.take(step);
    }
    if (!wasInterrupted) {
      taken++;
      world.tearDown();
    }
  } catch (error) {
    failure = faultOf(error, taken);
  }
  if (marks !== null) world?.countDrops(marks);
  return {
    traceHash: world?.hash.digits ?? '',
    steps: Math.min(taken, steps.length),
    failure,
    interrupted: wasInterrupted,
    trace: world === null || traced === 0 ? [] : world.traceTail(traced),
  };
}

/** Most frames that these steps send. */
function framesOf(steps: readonly SimulationStep[]): number {
  return steps.reduce((sum, step) => sum + ('count' in step ? step.count : (PROBES[step.do] ?? 0)), 64);
}

function faultOf(error: unknown, step: number): Fault {
  if (error instanceof SimulationFailure) return { invariant: error.invariant, message: error.message, step };
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { invariant: 'the host lives', message: text, step };
}
