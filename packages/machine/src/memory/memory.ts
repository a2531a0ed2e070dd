/**
 * Physical memory in segments.
 *
 *   segment 0        host physical memory (the parent partition)
 *   segment 1..n     one per child partition (VM), or per device aperture (a BAR)
 *
 * Each segment is one fixed-size SharedArrayBuffer: a growable one costs 50 times as much per access.
 * An address is the pair (segment id, byte offset). Nothing in the house passes a free-floating
 * `Uint8Array` between layers: it passes an address, and the segment's views are made once, here.
 */
export const PAGE_SHIFT = 12;
export const PAGE_SIZE = 4096;

/** Segment id of host physical memory. */
export const HOST_SEGMENT = 0;

/** One segment of physical memory, with the views everybody shares. */
export interface MemorySegment {
  readonly id: number;
  readonly name: string;
  /** Bytes; a multiple of {@link PAGE_SIZE}. */
  readonly byteLength: number;
  readonly buffer: SharedArrayBuffer;
  readonly u8: Uint8Array;
  /** 32-bit little-endian words; index = byte offset / 4. */
  readonly i32: Int32Array;
  /** 64-bit elements for copies; index = byte offset / 8. */
  readonly u64: BigUint64Array;
}

/** What crosses to a worker thread to make the same segment visible there. */
export interface SegmentImage {
  readonly id: number;
  readonly name: string;
  readonly buffer: SharedArrayBuffer;
}

export function attachSegment(image: SegmentImage): MemorySegment {
  const { id, name, buffer } = image;
  return {
    id,
    name,
    byteLength: buffer.byteLength,
    buffer,
    u8: new Uint8Array(buffer),
    i32: new Int32Array(buffer),
    u64: new BigUint64Array(buffer),
  };
}

/** The segments of one machine, as one thread sees them. */
export interface PhysicalMemory {
  readonly host: MemorySegment;
  /** Every segment, indexed by id. */
  readonly segments: readonly MemorySegment[];
  /** The segment with this id. Throws for an id that was never added: a programmer's error. */
  segment(id: number): MemorySegment;
  /**
   * Adds a segment of at least `bytes` bytes (rounded up to whole pages). Control path; agents on other threads
   * see it from the next publication on.
   */
  addSegment(name: string, bytes: number): MemorySegment;
  /** Shows a segment that another thread's machine added; ids must arrive in order. */
  adopt(image: SegmentImage): void;
  images(): SegmentImage[];
}

export function createPhysicalMemory(hostBytes: number): PhysicalMemory {
  const memory = attachPhysicalMemory([]);
  memory.addSegment('host', hostBytes);
  return memory;
}

/** Memory of which the thread is given `images`; a segment that is not among them does not exist for it. */
export function attachPhysicalMemory(images: readonly SegmentImage[]): PhysicalMemory {
  const segments: MemorySegment[] = [];
  for (const image of images) segments[image.id] = attachSegment(image);
  const segment = (id: number): MemorySegment => {
    const found = segments[id];
    if (found === undefined) throw new RangeError(`no memory segment ${id}; there are ${segments.length}`);
    return found;
  };
  return {
    segments,
    get host(): MemorySegment {
      return segment(HOST_SEGMENT);
    },
    segment,
    addSegment(name: string, bytes: number): MemorySegment {
      if (!Number.isSafeInteger(bytes) || bytes <= 0 || bytes > 0x7fff_f000) {
        throw new RangeError(`segment ${name}: size must be 1..2147479552 bytes, got ${bytes}`);
      }
      const rounded = Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
      const made = attachSegment({ id: segments.length, name, buffer: new SharedArrayBuffer(rounded) });
      segments.push(made);
      return made;
    },
    adopt(image: SegmentImage): void {
      if (image.id < segments.length) return;
      if (image.id !== segments.length)
        throw new RangeError(`segment ${image.id} adopted before ${segments.length}`);
      segments.push(attachSegment(image));
    },
    // Skips those that this thread was not given.
    images: () => segments.flatMap(({ id, name, buffer }) => [{ id, name, buffer }]),
  };
}

/** What a partition sees of the machine's memory: these segments, and no way to the others (SEC-01). */
export interface ConfinedMemory extends PhysicalMemory {
  /** From now on it sees these instead. */
  confine(images: readonly SegmentImage[]): void;
}

export function createConfinedMemory(images: readonly SegmentImage[]): ConfinedMemory {
  const memory = attachPhysicalMemory(images);
  const seen = memory.segments as MemorySegment[];
  return Object.assign(memory, {
    confine(others: readonly SegmentImage[]): void {
      seen.length = 0;
      for (const image of others) seen[image.id] = attachSegment(image);
    },
  });
}

/** The images of some segments. */
export function imagesOf(memory: PhysicalMemory, ids: readonly number[]): SegmentImage[] {
  return ids.map((id) => {
    const { name, buffer } = memory.segment(id);
    return { id, name, buffer };
  });
}
