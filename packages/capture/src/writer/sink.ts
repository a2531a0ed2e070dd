/** Where a writer's bytes go. */
export interface CaptureSink {
  /** The array is the sink's to keep: the writer never touches it again. */
  write(bytes: Uint8Array): void;
}

/** A sink that keeps everything. */
export interface MemorySink extends CaptureSink {
  /** All bytes written so far, in one array. */
  bytes(): Uint8Array;
}

export function createMemorySink(): MemorySink {
  const chunks: Uint8Array[] = [];
  let length = 0;
  return {
    write(bytes: Uint8Array): void {
      chunks.push(bytes);
      length += bytes.length;
    },
    bytes(): Uint8Array {
      const all = new Uint8Array(length);
      let at = 0;
      for (const chunk of chunks) {
        all.set(chunk, at);
        at += chunk.length;
      }
      return all;
    },
  };
}
