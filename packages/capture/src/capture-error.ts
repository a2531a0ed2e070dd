/**
 * What can be wrong with a capture file.
 *
 * | code | meaning |
 * |-|-|
 * | `empty` | the stream ended before its first byte |
 * | `not-a-capture` | the first four bytes are no pcap or pcapng magic |
 * | `compressed` | the first bytes are those of a compressed file; the message says which kind |
 * | `unsupported-version` | a version whose layout this reader does not know |
 * | `truncated` | the stream ended inside a header, record or block |
 * | `bad-byte-order` | a Section Header Block without a valid byte-order magic |
 * | `bad-block-length` | a block length that is too small, no multiple of 4, or unequal at the block's two ends |
 * | `block-too-large` | a block or record longer than `maxBlockLength` |
 * | `bad-packet-length` | a captured length that does not fit its block, or that no link can produce |
 * | `bad-interface` | a packet or statistics block for an interface that was not described before |
 * | `too-many-interfaces` | more than 65536 interface descriptions in one section |
 * | `bad-option` | an option that runs past its block or has an impossible length |
 * | `bad-name-record` | a name-resolution record that runs past its block |
 */
export type CaptureErrorCode =
  | 'empty'
  | 'not-a-capture'
  | 'compressed'
  | 'unsupported-version'
  | 'truncated'
  | 'bad-byte-order'
  | 'bad-block-length'
  | 'block-too-large'
  | 'bad-packet-length'
  | 'bad-interface'
  | 'too-many-interfaces'
  | 'bad-option'
  | 'bad-name-record';

/** A malformed capture, as a value: it is returned, never thrown, and packets before it are still delivered. */
export interface CaptureError {
  readonly code: CaptureErrorCode;
  /** Absolute byte offset of the header, record or block at fault. */
  readonly fileOffset: number;
  /** What was expected and what was found, readable without a debugger. */
  readonly message: string;
}

export function captureError(code: CaptureErrorCode, fileOffset: number, message: string): CaptureError {
  return { code, fileOffset, message: `byte ${fileOffset}: ${message}` };
}
