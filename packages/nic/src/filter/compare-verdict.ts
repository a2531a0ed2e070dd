/** Whether what the device has done with a frame is what the filter unit's tests, made anew, say of it. */
import { ADDRESS_RULES } from '../state/address-rules.ts';
import {
  DROP_BROADCAST,
  DROP_LINK_DOWN,
  DROP_MULTICAST,
  DROP_NO_MATCH,
  DROP_OVERSIZE,
  DROP_RUNT,
  DROP_RX_DISABLED,
  NIC_DROP_REASONS,
} from '../state/drop-reasons.ts';
import type { ReceiveRecord } from '../state/receive-record.ts';
import type { VerdictPart } from '../state/trace-kinds.ts';
import type { NicExplanation } from './explain.ts';

/** One thing that the record says and the explanation says otherwise. */
export interface VerdictDifference {
  readonly part: VerdictPart;
  readonly recorded: number;
  readonly explained: number;
}

/** Drops that the filter unit, or the port in front of it, decides; all others come after it has accepted the frame. */
const BEFORE_THE_QUEUE: ReadonlySet<number> = new Set([
  DROP_RUNT,
  DROP_OVERSIZE,
  DROP_NO_MATCH,
  DROP_MULTICAST,
  DROP_BROADCAST,
]);

/**
 * In what `record` and `explanation`, of the same frame, differ; empty if they agree. The explanation must be by the
 * tables that were in force when the frame came.
 */
export function compareVerdict(record: ReceiveRecord, explanation: NicExplanation): VerdictDifference[] {
  const explainedDrop = explanation.drop === null ? -1 : NIC_DROP_REASONS.indexOf(explanation.drop);
  const found: VerdictDifference[] = [];
  const compare = (part: VerdictPart, recorded: number, explained: number): void => {
    if (recorded !== explained) found.push({ part, recorded, explained });
  };
  compare('length', record.length, explanation.length);
  // A port without a link, or one that does not receive, asks nothing further, but for the length.
  if (record.drop === DROP_LINK_DOWN) return found;
  if (record.drop === DROP_RX_DISABLED) {
    if (explainedDrop === DROP_RUNT || explainedDrop === DROP_OVERSIZE)
      compare('drop reason', record.drop, explainedDrop);
    return found;
  }
  compare('TCI', record.tci, explanation.tci);
  compare('drop reason', BEFORE_THE_QUEUE.has(record.drop) ? record.drop : -1, explainedDrop);
  if (explainedDrop !== DROP_RUNT) compare('EtherType', record.etherType, explanation.etherType);
  compare('queue', record.queue, explanation.queue);
  compare('filter slot', record.slot, explanation.slot);
  compare('address rule', record.rule, ADDRESS_RULES.indexOf(explanation.rule));
  compare('inexact', Number(record.inexact), Number(explanation.inexact));
  return found;
}
