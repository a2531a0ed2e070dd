// What a process has of memory when its garbage has gone; for runs under `node --expose-gc`.
import v8 from 'node:v8';

export interface MemoryAfter {
  readonly heap: number;
  readonly external: number;
  readonly rss: number;
  /** Objects; null where Node cannot count them. What the compiler keeps of code is in the heap, too. */
  readonly objects: number | null;
}

/** A part of `node:v8` that came with Node 20.13, behind the back of its types. */
interface ObjectCounter {
  queryObjects?(type: object, options: { format: 'count' }): number;
}

/** Objects of a class; null where Node cannot count them. */
export const countObjects = (type: object): number | null =>
  (v8 as ObjectCounter).queryObjects?.(type, { format: 'count' }) ?? null;

export async function memoryAfter(): Promise<MemoryAfter> {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error('run it with node --expose-gc');
  // Shared buffers are freed by finalizers, and threads let go of theirs in their own time.
  for (let i = 0; i < 3; i++) {
    await collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  return { heap: heapUsed, external: external + arrayBuffers, rss, objects: countObjects(Object) };
}
