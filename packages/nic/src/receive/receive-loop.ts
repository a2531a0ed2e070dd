/**
 * The receive port: one loop, once per frame, in the order of the datasheet (section 5).
 *
 *   wire ring ─ length ─ parse ─ filter table ─ engine ─ queue, descriptor ─ rights, bytes ─ completion
 *                  │                  │            │            │                │
 *                  └──────────────────┴────────────│────────────┴────────────────┴──> ring of dropped frames
 *                                                  └──> passed over: another engine's
 *
 * What is rare is a function called from the loop: a frame that is too short or too long, one without a row of its own in
 * the filter table, a queue whose descriptors must be looked for. What a queue or the port may do beside (split, checksum
 * validation, filters on inner frames) are bits in the queue's row and in RCTL. Each frame that ends here leaves its verdict
 * in a record: its completion, or an entry of the ring of dropped frames. Counters, trace and explanation read those.
 */
import { type FrameConsumer, isFrameTooLong } from '@vmq/machine';
import { innerFrame } from '../filter/encapsulation.ts';
import { decidingRow, firstRow, NOT_ASKED, ROW_OWNER, ROW_VERDICT } from '../filter/filter-unit.ts';
import { checksumStatus } from '../offload/checksum.ts';
import {
  COMPLETION_BYTES,
  DESCRIPTOR_BYTES,
  RXC_BROADCAST,
  RXC_DD,
  RXC_INEXACT,
  RXC_MULTICAST,
  RXC_SPLIT,
  RXC_VLAN,
  VERDICT_RULE_SHIFT,
} from '../registers/descriptors.ts';
import { RCTL_NVGRE, RXCTL_CSUMEN } from '../registers/register-constants.ts';
import { isInexactRule } from '../state/address-rules.ts';
import {
  type DeviceState,
  Q_BYTES,
  Q_COMPLETIONS,
  Q_FLAGS,
  Q_HEAD,
  Q_LIMIT,
  Q_MASK,
  Q_RING,
  Q_SHIFT,
} from '../state/device-state.ts';
import { DROP_LINK_DOWN, DROP_OVERSIZE, DROP_RUNT, DROP_RX_DISABLED } from '../state/drop-reasons.ts';
import type { DropRing } from './drop-ring.ts';
import { createPlacement } from './placement.ts';
import { QUEUE_OPEN, QUEUE_WAITS, type ReceiveQueues } from './receive-queues.ts';

const DESCRIPTOR_WORDS: number = DESCRIPTOR_BYTES >> 2;
/** Of the wire ring: byte offset and length of a frame, and two more. */
const ENTRY_WORDS = 4;
const COMPLETION_WORDS: number = COMPLETION_BYTES >> 2;
/** A frame with a tag is at least as long, one without at least four bytes less. */
const LEAST_TAGGED = 18;
const TAG_BYTES = 4;
/** Bytes 12..15 of a frame as a word of memory: 81-00, and behind it the VLAN id. */
const WIRE_TPID = 0x0081;
const WIRE_VLAN_ID = 0xff0f_0000;

export interface ReceiveLoop {
  /** Frames that were other engines', since somebody last set this back. */
  passed: number;
  /** A queue that must not drop for want of a descriptor does so all the same: nobody can wait for it now. */
  isHurried: boolean;
  /**
   * Takes the first `count` waiting frames, which have the stamps from `stamp` on; returns how many: fewer if the next one
   * must wait for a descriptor.
   */
  run(count: number, stamp: number): number;
}

/**
 * Makes the loop that takes frames off `wire` for the queues of `engine`.
 *
 * A function made once rather than a method: what it has from outside V8 takes as constants, so that the addresses and
 * lengths of the arrays stand in the code. That holds as long as no function with a loop is inlined in it. Measured when it
 * came, with the short frames' copy in it: 64-byte frames received took 103 ns a frame in place of 123.
 */
export function createReceiveLoop(
  state: DeviceState,
  wire: FrameConsumer,
  queues: ReceiveQueues,
  drops: DropRing,
  engine: number,
): ReceiveLoop {
  const { words, rxq } = state;
  const { i32: input, firstEntry } = wire;
  const slotMask = wire.slots - 1;
  const host = state.context.machine.memory.host.i32; // where all rings are
  const place = createPlacement(state, wire);
  const loop: ReceiveLoop = { passed: 0, isHurried: false, run };
  return loop;

  function run(count: number, stamp: number): number {
    const { tableMask } = state;
    const { position } = wire;
    const looksInside = (state.tables.rctl & RCTL_NVGRE) !== 0;
    // Frames of 18 to `most` + 18 bytes need no second look at their length; none does while the port is off.
    const isOn = state.receiveEnabled && state.linkUp;
    const most = isOn ? state.tables.maxFrame - LEAST_TAGGED : -1;
    for (let i = 0; i < count; i++) {
      const entry = firstEntry + ((position + i) & slotMask) * ENTRY_WORDS;
      const f = input[entry];
      const length = input[entry + 1];

      // Addresses, tag and type, parsed once. A mask instead of a branch, since tags cannot be predicted.
      const at = f >> 2;
      const low = input[at];
      const third = input[at + 3];
      const tagged = (((third & 0xffff) ^ WIRE_TPID) - 1) >> 31;
      const tagBytes = tagged & TAG_BYTES;
      const bytes = length - tagBytes;
      const high = (input[at + 1] & 0xffff) | (third & WIRE_VLAN_ID & tagged);
      if ((length - LEAST_TAGGED) >>> 0 > most || (f & 3) !== 0) {
        const reason = refusal(state, wire, f, length);
        if (reason >= 0) {
          dropUnclaimed(i, stamp + i, NOT_ASKED, reason);
          continue;
        }
      }

      let row = firstRow(tableMask, low, high);
      if (words[row] !== low || words[row + 1] !== high || looksInside)
        row = looksInside
          ? rowInside(f + tagBytes, f + length, low, high)
          : decidingRow(state, low, high, low, high & 0xffff);
      const verdict = words[row + ROW_VERDICT];
      const owner = words[row + ROW_OWNER];
      if (owner !== engine) {
        if (owner >= 0) loop.passed++;
        else dropUnclaimed(i, stamp + i, verdict, ~owner);
        continue;
      }

      const queue = verdict & 0xff;
      const q = queue << Q_SHIFT;
      const head = rxq[q + Q_HEAD];
      if (head === rxq[q + Q_LIMIT]) {
        const found = queues.open(queue, bytes, loop.isHurried);
        if (found === QUEUE_WAITS) return i;
        if (found !== QUEUE_OPEN) {
          drops.record(i, stamp + i, verdict, found);
          continue;
        }
      }
      const index = head & rxq[q + Q_MASK];
      const descriptor = rxq[q + Q_RING] + index * DESCRIPTOR_WORDS;
      const inHeader = place(q, descriptor, f, tagBytes, bytes);
      if (inHeader < 0) {
        drops.record(i, stamp + i, verdict, ~inHeader);
        continue;
      }

      let status = bytes | RXC_DD | (tagged & RXC_VLAN);
      if ((low & 1) !== 0 || (verdict & 0xff00) !== 0) status |= addressStatus(low, high, verdict);
      if (inHeader !== 0) status |= RXC_SPLIT;
      if ((rxq[q + Q_FLAGS] & RXCTL_CSUMEN) !== 0)
        status |= checksumStatus(wire.u8, f + tagBytes + 12, f + length);
      const type = input[at + 3 - tagged];
      const completion = rxq[q + Q_COMPLETIONS] + index * COMPLETION_WORDS;
      host[completion] = status;
      host[completion + 1] = (swapHigh(third) & tagged) | (verdict & 0xffff_0000);
      host[completion + 2] = 0;
      host[completion + 3] = stamp + i;
      host[completion + 4] = (verdict & 0xffff) | (swapLow(type) << 16);
      host[completion + 5] = inHeader;
      rxq[q + Q_HEAD] = head + 1;
      rxq[q + Q_BYTES] += bytes;
    }
    return count;
  }

  /** A frame that is no queue's: engine 0 keeps count of those. */
  function dropUnclaimed(i: number, stamp: number, verdict: number, reason: number): void {
    if (engine === 0) drops.record(i, stamp, verdict, reason);
    else loop.passed++;
  }

  /** With RCTL.NVGRE: the row that decides, by the inner frame's destination and the outer frame's tag. */
  function rowInside(body: number, end: number, low: number, high: number): number {
    const inner = innerFrame(wire.u8, body, end);
    if (inner < 0) return decidingRow(state, low, high, low, high & 0xffff);
    // The inner frame begins two bytes behind a word's beginning.
    const second = input[(inner + 2) >> 2];
    const innerLow = (input[(inner - 2) >> 2] >>> 16) | (second << 16);
    const innerHigh = (second >>> 16) | (high & 0xffff_0000);
    return decidingRow(state, innerLow, innerHigh, low, high & 0xffff);
  }
}

/** Drop code of a frame that its length or the port's state ends, or -1. Throws for one that no producer can have put there. */
function refusal(state: DeviceState, wire: FrameConsumer, f: number, length: number): number {
  if ((f & 3) !== 0) throw new RangeError(`NIC: frame at wire offset ${f}, need a multiple of 4`);
  if (!state.linkUp) return DROP_LINK_DOWN;
  const isTagged = (wire.i32[(f >> 2) + 3] & 0xffff) === WIRE_TPID;
  if (length < LEAST_TAGGED - TAG_BYTES + (isTagged ? TAG_BYTES : 0)) return DROP_RUNT;
  if (isFrameTooLong(wire.u8, f, length, state.tables.maxFrame, false)) return DROP_OVERSIZE;
  return state.receiveEnabled ? -1 : DROP_RX_DISABLED;
}

/** Status bits of a frame to a group, or one that an address rule accepted. */
function addressStatus(low: number, high: number, verdict: number): number {
  const inexact = isInexactRule((verdict >>> VERDICT_RULE_SHIFT) & 0xff) ? RXC_INEXACT : 0;
  if ((low & 1) === 0) return inexact;
  return inexact | (low === -1 && (high & 0xffff) === 0xffff ? RXC_BROADCAST : RXC_MULTICAST);
}

/** The low half of a word of the wire, as the number that the network means. */
const swapLow = (word: number): number => ((word & 0xff) << 8) | ((word >>> 8) & 0xff);
/** Its high half likewise. */
const swapHigh = (word: number): number => swapLow(word >>> 16);
