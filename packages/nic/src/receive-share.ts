/**
 * The first pass of the short way (`receive-pipeline.ts`) where several engines look at the same wire:
 *
 *   wire     a  b  a  c  b  a  ?        engine of each frame's queue; ? = not ordinary
 *   entries  a  a  a  ?                 what engine a keeps: its own, and what only the long way can tell
 *
 * Every engine classifies every frame, since that costs less than telling each other; no branch depends on whose it is,
 * for nobody can predict that.
 */
import type { FrameConsumer } from '@vmq/machine';
import { FILTER_TABLE } from './device-memory.ts';
import type { DeviceState } from './device-state.ts';
import { HASH_HIGH, HASH_LOW, VALUE_ENGINE_SHIFT } from './filter-unit.ts';
import { FRAME_SHIFT, type ReceivePipeline } from './receive-pipeline.ts';

// V8 folds a module's own constants but looks an imported binding up at each use.
const TABLE = FILTER_TABLE;
const MIX_LOW = HASH_LOW;
const MIX_HIGH = HASH_HIGH;
const SHIFT = FRAME_SHIFT;
const ENGINE_SHIFT = VALUE_ENGINE_SHIFT;

/** Classifies the batch's `count` frames; returns how many entries `engine` has to look at. */
export function classifyShare(
  pipeline: ReceivePipeline,
  state: DeviceState,
  wire: FrameConsumer,
  count: number,
  engine: number,
): number {
  const input = wire.i32;
  const words = state.words;
  const tableMask = state.tableMask;
  const frames = pipeline.frames;
  const usual = (state.tables.maxFrame - 18) | 0;
  const slots = wire.slots - 1;
  const firstEntry = wire.firstEntry;
  const position = wire.position;
  let n = 0;
  for (let i = 0; i < count; i++) {
    const entry = firstEntry + (((position + i) & slots) << 2);
    const f = input[entry] as number;
    const length = input[entry + 1] as number;
    const at = f >> 2;
    const low = input[at] as number;
    const third = input[at + 3] as number;
    const tagged = (((third & 0xffff) ^ 0x0081) - 1) >> 31;
    const high = ((input[at + 1] as number) & 0xffff) | (third & 0xff0f0000 & tagged);
    const mixed = Math.imul(low, MIX_LOW) ^ Math.imul(high, MIX_HIGH);
    const slot = (TABLE + (((mixed ^ (mixed >>> 15)) & tableMask) << 2)) | 0;
    const other =
      ((words[slot] as number) ^ low) | ((words[slot + 1] as number) ^ high) | (low & 1) | (f & 3);
    const value = other === 0 && (length - 18) >>> 0 <= usual ? (words[slot + 2] as number) : 0;
    const at8 = n << SHIFT;
    frames[at8] = f;
    frames[at8 + 1] = value;
    frames[at8 + 2] = (length + (tagged & -4)) | 0;
    frames[at8 + 3] = tagged;
    frames[at8 + 4] = (((third >>> 8) & 0xff00) | (third >>> 24)) & tagged;
    frames[at8 + 7] = i;
    // 1 where the value is 0, and where its engine is this one.
    n += ((value - 1) | ((((value >>> ENGINE_SHIFT) & 31) ^ engine) - 1)) >>> 31;
  }
  return n;
}
