/** Frames that tests of a bench put on the wire. */
export const macOf = (last: number): Uint8Array => Uint8Array.of(0x02, 0x15, 0x5d, 0, 0, last);
const SOURCE = [0x02, 0, 0, 0, 0, 0x99];

export interface FrameOptions {
  readonly tci?: number;
  /** Bytes without the tag. */
  readonly length?: number;
  /** Put behind the EtherType, 32 bits. */
  readonly sequence?: number;
}

/** A frame to `02-15-5D-00-00-last`, or to the six bytes given. */
export function frame(to: number | readonly number[], options: FrameOptions = {}): Uint8Array {
  const { tci, length = 64, sequence = 0 } = options;
  const tag = tci === undefined ? [] : [0x81, 0x00, tci >> 8, tci & 0xff];
  const bytes = new Uint8Array(length + tag.length);
  const header = [...(typeof to === 'number' ? macOf(to) : to), ...SOURCE, ...tag, 0x88, 0xb5];
  bytes.set(header);
  for (let i = header.length; i < bytes.length; i++) bytes[i] = (i * 7 + sequence) & 0xff;
  new DataView(bytes.buffer).setUint32(header.length, sequence);
  return bytes;
}

export const withoutTag = (bytes: Uint8Array): number[] => [...bytes.slice(0, 12), ...bytes.slice(16)];
