/** The stable JSON of `vmq replay --json`, documented in docs/cli.md. */
import type { HostReport, PortReport, QueueReport, VmqGate } from '@vmq/host';
import type { OutputFile } from '../output/output-directory.ts';
import type { InputReport, ReplayResult } from '../replay/replay-capture.ts';
import { type Envelope, JSON_VERSION } from './envelope.ts';

export interface ReplayJson extends Envelope {
  readonly command: 'replay';
  /** Frames from every source: the wire and the guests. */
  readonly received: number;
  readonly ends: {
    readonly delivered: number;
    readonly transmitted: number;
    /** Reason (`nic.runt`, `vswitch.unknown-destination` …) to frames; only reasons that occurred. */
    readonly dropped: Readonly<Record<string, number>>;
  };
  /** Deliveries of flooded frames beyond the one in which each ended. */
  readonly copies: number;
  /** `received` equals the sum of `ends`. */
  readonly conservation: boolean;
  readonly queues: readonly QueueReport[];
  readonly ports: readonly PortReport[];
  readonly input: InputReport;
  readonly host: {
    readonly name: string;
    readonly executor: string;
    readonly processors: number;
    /** VM queues can be had: what is. */
    readonly vmq: boolean;
    /** What was asked for. */
    readonly vmqRequested: boolean;
    /** What decides about it. */
    readonly vmqGates: readonly VmqGate[];
    /** Processors that VM queues are spread over. */
    readonly vmqProcessors: readonly number[];
  };
  /** What became of each file of `--out`. */
  readonly files: readonly Omit<OutputFile, 'name'>[];
  /** Paths of those that were written. */
  readonly outputs: readonly string[];
  /** Stopped by SIGINT before the end of the file. */
  readonly interrupted: boolean;
}

export function replayJson(result: ReplayResult): ReplayJson {
  const { report, input, files, outputs, interrupted } = result;
  return {
    version: JSON_VERSION,
    command: 'replay',
    ...ledgerJson(report),
    queues: report.queues,
    ports: report.ports,
    input,
    host: {
      name: report.name,
      executor: report.executor,
      processors: report.processors,
      vmq: report.vmq,
      vmqRequested: report.vmqRequested,
      vmqGates: report.vmqGates,
      vmqProcessors: report.vmqProcessors,
    },
    files: files.map(({ name: _, ...file }) => file),
    outputs,
    interrupted,
  };
}

function ledgerJson(report: HostReport): Pick<ReplayJson, 'received' | 'ends' | 'copies' | 'conservation'> {
  const { received, ends, copies } = report.ledger;
  return {
    received,
    ends: { delivered: ends.delivered, transmitted: ends.transmitted, dropped: { ...ends.dropped } },
    copies,
    conservation: report.conservation,
  };
}
