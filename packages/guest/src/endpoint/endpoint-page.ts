/**
 * What the programs of a guest remember, in the guest's own memory: whoever moves the memory moves them too, as the
 * driver's state moves with its page (vmbus/guest-driver-page.ts).
 *
 *   word   0  magic
 *          1  responder: 0 = none, 1 = answers for the addresses below, 2 = for any it sees
 *          2  IPv4 addresses known      3  IPv6 addresses known
 *         16  sender: 1 = there is one
 *         17, 18  destination MAC (first two bytes, last four)   19, 20  source MAC, -1 in 19 = the guest's own
 *         21  interval   22  burst   23  length   24  TCI   25  count   26  sent   27  steps to wait
 *         64..127    IPv4 addresses
 *        128..383    IPv6 addresses, 16 bytes each in wire order
 */

/** Bytes of the page. */
export const ENDPOINT_PAGE_BYTES = 4096;

const ENDPOINT_MAGIC = 0x45504731;
const MAGIC = 0;
export const RESPONDER_KIND = 1;
export const RESPONDER_IPV4_COUNT = 2;
export const RESPONDER_IPV6_COUNT = 3;
export const SENDER_THERE = 16;
export const SENDER_DESTINATION_HI = 17;
export const SENDER_DESTINATION_LO = 18;
export const SENDER_SOURCE_HI = 19;
export const SENDER_SOURCE_LO = 20;
export const SENDER_INTERVAL = 21;
export const SENDER_BURST = 22;
export const SENDER_LENGTH = 23;
export const SENDER_TCI = 24;
export const SENDER_COUNT = 25;
export const SENDER_SENT = 26;
export const SENDER_WAIT = 27;
const IPV4 = 64;
const IPV6 = 128;

/** Addresses remembered of each version. */
export const MAX_ADDRESSES = 64;

/** One guest's page, as its agent sees it. */
export class EndpointPage {
  readonly words: Int32Array;
  /** IPv4 addresses, unsigned; {@link MAX_ADDRESSES} of them. */
  readonly ipv4: Uint32Array;
  /** IPv6 addresses, 16 bytes each. */
  readonly ipv6: Uint8Array;
  /** True if programs were at work here when the memory was moved. */
  readonly isResumed: boolean;

  /** The page at byte `offset` of `buffer`, a multiple of 8. */
  constructor(buffer: ArrayBufferLike, offset: number) {
    this.words = new Int32Array(buffer, offset, ENDPOINT_PAGE_BYTES / 4);
    this.ipv4 = new Uint32Array(buffer, offset + IPV4 * 4, MAX_ADDRESSES);
    this.ipv6 = new Uint8Array(buffer, offset + IPV6 * 4, MAX_ADDRESSES * 16);
    this.isResumed = this.words[MAGIC] === ENDPOINT_MAGIC;
    if (!this.isResumed) this.words.fill(0);
    this.words[MAGIC] = ENDPOINT_MAGIC;
  }
}
