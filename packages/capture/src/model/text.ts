/** Both formats store text as UTF-8. These two globals exist in every runtime; the project's `lib` has no types for them. */
declare const TextDecoder: new () => { decode(bytes: Uint8Array): string };
declare const TextEncoder: new () => { encode(text: string): Uint8Array };

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Invalid sequences become U+FFFD: a damaged comment must not cost the packet. Some writers end text with NULs; they go. */
export function decodeText(bytes: Uint8Array, offset: number, length: number): string {
  let end = offset + length;
  while (end > offset && bytes[end - 1] === 0) end--;
  // A copy, because decoders refuse views of a SharedArrayBuffer; not `slice`, which for Node's Buffer makes a view.
  return decoder.decode(new Uint8Array(bytes.subarray(offset, end)));
}

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}
