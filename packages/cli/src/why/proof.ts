/**
 * The proof of `vmq why`: what each layer recorded about a frame against the tests that led there, made anew.
 *
 *   recorded    NIC completion or drop ring, the switch's records ──trace──┐
 *                                                                          ├──> faults: where they disagree
 *   made anew   explainClassification, explainSwitching ───────────────────┘
 *
 * The NIC's part is compared where its trace is written (VERDICT_DIFFERS); the switch's here, by a report of the switch
 * from before the frame. A disagreement is a fault of the stack.
 */
import type { CapturedPacket } from '@vmq/capture';
import type { TraceRecord } from '@vmq/machine';
import { describeNicTrace, NIC_TRACE } from '@vmq/nic';
import {
  explainSwitching,
  SWITCH_END_REASONS,
  type SwitchExplanation,
  type SwitchFrame,
  type SwitchReport,
  type SwitchTest,
  VSWITCH_DROP_REASONS,
  VSWITCH_TRACE,
} from '@vmq/vswitch';
import { formatMacAddress, isTagged, readMacHi, readMacLo } from '@vmq/wire';

export interface Proof {
  /** Every test that the switch makes of the frame, in order; empty if the frame did not get there. */
  readonly tests: readonly SwitchTest[];
  /** By which of its rules the switch chose; `none` if it refused the frame or never saw it. */
  readonly rule: SwitchExplanation['rule'];
  /** Where record and tests disagree, a sentence each. */
  readonly faults: readonly string[];
}

/** What the switch recorded about the frame. */
interface Recorded {
  /** Ports that got it, or whose channel refused it. */
  readonly ports: readonly number[];
  readonly toWire: boolean;
  /** The switch's own reason, null if it sent the frame anywhere. */
  readonly drop: string | null;
}

const ADDRESS_BYTES = 6;
const TYPE_AT = 12;
const TAG_BYTES = 4;

/** `records` are the trace's about one frame; `before` is the switch as it was when the frame came. */
export function prove(
  before: SwitchReport,
  packet: CapturedPacket,
  records: readonly TraceRecord[],
  stamp: number,
): Proof {
  const mine = records.filter((record) => record.stamp === stamp);
  const faults = mine
    .filter(({ kind }) => kind === NIC_TRACE.VERDICT_DIFFERS)
    .map((r) => describeNicTrace(r) ?? '');
  const frame = frameAtSwitch(packet, mine);
  if (frame === null) return { tests: [], rule: 'none', faults };
  const explained = explainSwitching(before, frame);
  const hasExtensionsSay = mine.some(({ kind }) => kind === VSWITCH_TRACE.EXTENSION);
  const differences = hasExtensionsSay ? [] : differencesOf(recordedOf(mine), explained);
  return { tests: explained.tests, rule: explained.rule, faults: [...faults, ...differences] };
}

/** The frame as the switch got it: its bytes are the capture's, where it came from is recorded. */
function frameAtSwitch(packet: CapturedPacket, records: readonly TraceRecord[]): SwitchFrame | null {
  const received = records.find(({ kind }) => kind === VSWITCH_TRACE.RECEIVED);
  const fromGuest = records.find(({ kind }) => kind === VSWITCH_TRACE.FROM_GUEST);
  if (received === undefined && fromGuest === undefined) return null;
  const { bytes, offset, frameLength } = packet;
  const mac = (at: number): string => formatMacAddress(readMacHi(bytes, at), readMacLo(bytes, at));
  const tagBytes = isTagged(bytes, offset, frameLength) ? TAG_BYTES : 0;
  const word = (at: number): number => (bytes[offset + at] << 8) | bytes[offset + at + 1];
  const tagOnWire = tagBytes === 0 ? 0 : word(TYPE_AT + 2);
  return {
    destination: mac(offset),
    source: mac(offset + ADDRESS_BYTES),
    etherType: word(TYPE_AT + tagBytes),
    tci: fromGuest?.c ?? tagOnWire,
    length: frameLength - tagBytes,
    from: fromGuest === undefined ? { queueId: received?.a ?? 0 } : { port: fromGuest.a },
  };
}

function recordedOf(records: readonly TraceRecord[]): Recorded {
  const ports: number[] = [];
  let toWire = false;
  let drop: string | null = null;
  for (const { kind, a, b } of records) {
    if (kind === VSWITCH_TRACE.DELIVERY) ports.push(a);
    else if (kind === VSWITCH_TRACE.SEND) toWire = true;
    else if (kind !== VSWITCH_TRACE.DROP) continue;
    // The channel's own reasons: the switch had chosen the port.
    else if (a >= VSWITCH_DROP_REASONS.length) ports.push(b);
    else drop = SWITCH_END_REASONS[a].slice('dropped.'.length);
  }
  return { ports: ports.sort((x, y) => x - y), toWire, drop };
}

function differencesOf(recorded: Recorded, explained: SwitchExplanation): string[] {
  const faults: string[] = [];
  const compare = (what: string, found: string, expected: string): void => {
    if (found !== expected)
      faults.push(`FAULT: the switch's record says ${what} ${found}, its tests say ${expected}`);
  };
  const list = (ports: readonly number[]): string => ports.join(', ') || 'none';
  compare('ports', list(recorded.ports), list(explained.ports));
  compare('to the wire', String(recorded.toWire), String(explained.toWire));
  compare('reason', recorded.drop ?? 'none', explained.drop ?? 'none');
  return faults;
}
