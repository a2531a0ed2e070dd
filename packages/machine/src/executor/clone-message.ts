/**
 * A structured clone of what control paths and data paths tell each other, made quickly: plain objects and arrays of numbers, strings,
 * shared buffers and `Int32Array`s are copied here; whatever else there is anywhere in a message goes to
 * `structuredClone` as a whole, three times as slow, which throws for what no worker could be sent.
 *
 * Messages are trees: an object that stands in one twice is copied twice.
 */
const DEEPEST = 32;
/** In place of a value that is not plain. */
const NOT_PLAIN: unique symbol = Symbol('not plain');

export function cloneMessage<T>(message: T): T {
  const copy = copyOf(message, 0);
  return copy === NOT_PLAIN ? structuredClone(message) : (copy as T);
}

function copyOf(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'function' || typeof value === 'symbol' ? NOT_PLAIN : value;
  }
  if (depth === DEEPEST) return NOT_PLAIN;
  if (Array.isArray(value)) return copyOfArray(value, depth + 1);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype) return copyOfObject(value as Record<string, unknown>, depth + 1);
  if (prototype === Int32Array.prototype && ArrayBuffer.isView(value))
    return copyOfWords(value as Int32Array);
  return value instanceof SharedArrayBuffer ? value : NOT_PLAIN;
}

/** Words of their own; those of a shared buffer, or of a part of one, are no matter of copying words. */
function copyOfWords(words: Int32Array): unknown {
  const { buffer } = words;
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === words.byteLength;
  return isWhole ? new Int32Array(words) : NOT_PLAIN;
}

function copyOfArray(value: readonly unknown[], depth: number): unknown {
  const copy: unknown[] = [];
  for (let i = 0; i < value.length; i++) {
    if (!(i in value)) return NOT_PLAIN; // a hole stays one
    const element = copyOf(value[i], depth);
    if (element === NOT_PLAIN) return NOT_PLAIN;
    copy.push(element);
  }
  return copy;
}

function copyOfObject(value: Readonly<Record<string, unknown>>, depth: number): unknown {
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    if (key === '__proto__') return NOT_PLAIN;
    const member = copyOf(value[key], depth);
    if (member === NOT_PLAIN) return NOT_PLAIN;
    copy[key] = member;
  }
  return copy;
}
