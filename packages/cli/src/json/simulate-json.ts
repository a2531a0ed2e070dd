/** The stable JSON of `vmq simulate --json`, documented in docs/cli.md. */
import type { SimulationReport } from '@vmq/simulator';
import type { ModelJson } from '../simulate/model-sequences.ts';
import { type Envelope, JSON_VERSION } from './envelope.ts';

/** A report of one seed range and one version of vmq is the same everywhere. */
export interface SimulateJson extends Envelope, SimulationReport {
  readonly command: 'simulate';
  /** With `--model`: what the model sequences came to. */
  readonly model?: ModelJson;
}

export function simulateJson(report: SimulationReport, model: ModelJson | null = null): SimulateJson {
  const { traceHash, seed, seeds, steps, failures, stopped } = report;
  const ran = {
    version: JSON_VERSION,
    command: 'simulate',
    traceHash,
    seed,
    seeds,
    steps,
    failures,
    stopped,
  } as const;
  return model === null ? ran : { ...ran, model };
}
