/** One ring in the guest's segment: a header page, then `dataBytes` of data. */
export interface RingPlace {
  /** Byte offset of the header page in the guest's segment; a multiple of 4096. */
  readonly offset: number;
  /** Bytes of the data area that follows the header page; a multiple of 8. */
  readonly dataBytes: number;
}
