/**
 * What can be wrong with a capture file. An *error* ends the stream, a *flaw* spoils one block of a pcapng file: it is told,
 * and the file goes on behind it.
 *
 * | code of an error | meaning |
 * |-|-|
 * | `empty` | the stream ended before its first byte |
 * | `not-a-capture` | the first four bytes are no pcap or pcapng magic |
 * | `compressed` | the first bytes are those of a compressed file; the message says which kind |
 * | `unsupported-version` | a version whose layout this reader does not know |
 * | `truncated` | the stream ended inside a header, record or block |
 * | `bad-byte-order` | a Section Header Block without a valid byte-order magic |
 * | `bad-block-length` | a block length that is too small, no multiple of 4, or unequal at the block's two ends |
 * | `block-too-large` | a block or record longer than `maxBlockLength` |
 * | `bad-packet-length` | a captured length that no link can produce (pcap, whose next record cannot be found then) |
 * | `too-many-interfaces` | more than 65536 interface descriptions in one section |
 *
 * | code of a flaw | meaning, and what becomes of the block |
 * |-|-|
 * | `bad-packet-length` | a captured length that does not fit its block; the packet is passed over |
 * | `bad-interface` | an interface that was not described before; the packet or the statistics are passed over |
 * | `bad-option` | an option that runs past its block or has an impossible length; it and those behind, or it alone, are ignored |
 * | `bad-fcs-length` | an interface's or a pcap header's FCS length that is no length in its unit or in bytes; it is ignored |
 * | `bad-name-record` | a name-resolution record that runs past its block; it and those behind it are passed over |
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
  | 'bad-fcs-length'
  | 'bad-name-record';

/** What is wrong with a capture, as a value: it is returned or told, never thrown, and packets before it are still delivered. */
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
