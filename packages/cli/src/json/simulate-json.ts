/** The stable JSON of `vmq simulate --json`, documented in docs/cli.md. */
import type { SimulationReport } from '@vmq/testkit';
import { type Envelope, JSON_VERSION } from './envelope.ts';

/** A report of one seed range and one version of vmq is the same everywhere. */
export interface SimulateJson extends Envelope, SimulationReport {
  readonly command: 'simulate';
}

export function simulateJson(report: SimulationReport): SimulateJson {
  const { traceHash, seed, seeds, steps, failures, stopped } = report;
  return { version: JSON_VERSION, command: 'simulate', traceHash, seed, seeds, steps, failures, stopped };
}
