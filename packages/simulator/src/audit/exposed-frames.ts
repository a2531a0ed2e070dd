/**
 * Frames in memory that a VM can write, as a miniport of one's own may indicate them: whole, or all but the first bytes.
 * Such a VM may write between any two looks at a byte, so nobody may look twice (SEC-06); here the second look fails.
 *
 *   indicated   NBL ─> MDL in host memory                          one of eight, on its way up:
 *   exposed     NBL ─> MDL ─────────────────> | frame |            in memory of which each byte may be read once
 *               NBL ─> MDL, 64 bytes ─> MDL ─> | rest |            the same, header in host memory
 *   returned    as it was indicated
 */

import { Mdl, type NetBufferList } from '@vmq/ddi';
import { attachSegment, HOST_SEGMENT, type MemorySegment } from '@vmq/machine';
import { fail } from './simulation-failure.ts';

/** Room for a frame, and how many frames there may be at a time. */
const SLOT_BYTES = 4096;
const SLOTS = 64;
/** One frame of so many is exposed. */
const EVERY = 8;
/** Bytes of a frame that stay in host memory if not all of it is exposed. */
const LEFT = 64;
/** No segment of any machine has so high a number. */
const SEGMENT_ID = 0x7000;

interface Original {
  readonly segment: MemorySegment;
  readonly byteOffset: number;
  readonly byteCount: number;
}

export class ExposedFrames {
  readonly #memory: MemorySegment;
  /** The same, as everybody else gets it. */
  readonly #guarded: MemorySegment;
  /** 1 = the byte has been looked at. */
  readonly #seen: Uint8Array = new Uint8Array(SLOTS * SLOT_BYTES);
  readonly #originals: Map<NetBufferList, Original> = new Map();
  #frames = 0;

  constructor() {
    const buffer = new SharedArrayBuffer(SLOTS * SLOT_BYTES);
    this.#memory = attachSegment({ id: SEGMENT_ID, name: 'exposed frames', buffer });
    const { u8, i32, u64 } = this.#memory;
    this.#guarded = {
      ...this.#memory,
      u8: this.#readOnce(u8),
      i32: this.#readOnce(i32),
      u64: this.#readOnce(u64),
    };
  }

  /** A view whose elements can be read once. Other than by elements nothing of it can be read. */
  #readOnce<View extends Uint8Array | Int32Array | BigUint64Array>(view: View): View {
    const bytes = view.BYTES_PER_ELEMENT;
    return new Proxy(view, {
      get: (target, key) => {
        const index = Number(key);
        if (!Number.isInteger(index)) fail('decisions in host memory', `exposed memory: .${String(key)}`);
        for (let at = index * bytes; at < (index + 1) * bytes; at++) {
          if (this.#seen[at] === 1)
            fail('decisions in host memory', 'a byte that a VM can write was looked at twice');
          this.#seen[at] = 1;
        }
        return target[index];
      },
    });
  }

  /** A chain goes up. `mayLeaveHeader`: of every other frame the header stays. */
  expose(chain: NetBufferList, mayLeaveHeader: boolean): void {
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      const { mdl, dataOffset } = nbl.firstNetBuffer;
      if (++this.#frames % EVERY !== 0 || mdl.next !== null || mdl.segment.id !== HOST_SEGMENT) continue;
      const { segment, byteOffset, byteCount } = mdl;
      if (byteCount > SLOT_BYTES) continue;
      const turn = this.#frames / EVERY;
      const slot = (turn % SLOTS) * SLOT_BYTES;
      const leaves = mayLeaveHeader && (turn & 1) === 1 && byteCount > dataOffset + LEFT;
      const from = leaves ? dataOffset + LEFT : 0;
      this.#memory.u8.set(segment.u8.subarray(byteOffset + from, byteOffset + byteCount), slot);
      this.#seen.fill(0, slot, slot + SLOT_BYTES);
      this.#originals.set(nbl, { segment, byteOffset, byteCount });
      if (leaves) {
        const rest = new Mdl(this.#guarded);
        rest.byteOffset = slot;
        rest.byteCount = byteCount - from;
        mdl.byteCount = from;
        mdl.next = rest;
      } else {
        mdl.segment = this.#guarded;
        mdl.byteOffset = slot;
      }
    }
  }

  /** A chain comes back: its miniport finds it as it was. */
  restore(chain: NetBufferList): void {
    if (this.#originals.size === 0) return;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      const original = this.#originals.get(nbl);
      if (original === undefined) continue;
      this.#originals.delete(nbl);
      const { mdl } = nbl.firstNetBuffer;
      mdl.segment = original.segment;
      mdl.byteOffset = original.byteOffset;
      mdl.byteCount = original.byteCount;
      mdl.next = null;
    }
  }
}
