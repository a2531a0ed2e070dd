/**
 * What a guest's programs cannot be told, said where it is told: by these functions to whoever asks before, and as a count
 * (`refused`) and a trace record by the guest that is told all the same. A guest never ends for it.
 */
import { isFrameTooLong, MOST_TAG_BYTES } from '@vmq/machine';
import { parseIpv4Address, parseIpv6Address, parseMacAddress } from '@vmq/wire';
import type { GuestMessage, ResponderConfig, SenderConfig } from './endpoint-config.ts';
import { MAX_ADDRESSES } from './endpoint-page.ts';

/** Shortest frame of a sender: header and two numbers. */
export const LEAST_SENDER_LENGTH = 22;
/** Shortest frame of a source: an Ethernet header. */
const LEAST_FRAME = 14;
const MOST_INTEGER = 0x7fff_ffff;

/** Why a guest whose channel takes frames of `maxFrameBytes` (without tags) does not do what `message` asks, or null. */
export function refusalOfGuestMessage(message: GuestMessage, maxFrameBytes: number): string | null {
  switch (message.op) {
    case 'send':
      return refusalOfSender(message.sender, maxFrameBytes);
    case 'respond':
      return refusalOfResponder(message.responder);
    default:
      return null;
  }
}

/** Why there can be no such sender, or null. */
export function refusalOfSender(config: SenderConfig, maxFrameBytes: number): string | null {
  const { destination, source, count, length = 60, interval = 1, burst = 32, tci = 0 } = config;
  if (parseMacAddress(destination) === null) return `destination: '${destination}' is no MAC address`;
  if (source !== undefined && parseMacAddress(source) === null)
    return `source: '${source}' is no MAC address`;
  return (
    outside('length', length, LEAST_SENDER_LENGTH, maxFrameBytes) ??
    outside('count', Math.min(count, MOST_INTEGER), 0, MOST_INTEGER) ??
    outside('interval', interval, 1, MOST_INTEGER) ??
    outside('burst', burst, 1, MOST_INTEGER) ??
    outside('tci', tci, 0, 0xffff)
  );
}

/** Why there can be no such responder, or null. */
export function refusalOfResponder(config: ResponderConfig): string | null {
  const { ipv4 = [], ipv6 = [] } = config;
  for (const text of ipv4) if (parseIpv4Address(text) === null) return `ipv4: '${text}' is no IPv4 address`;
  for (const text of ipv6) if (parseIpv6Address(text) === null) return `ipv6: '${text}' is no IPv6 address`;
  return outside('ipv4', ipv4.length, 0, MAX_ADDRESSES) ?? outside('ipv6', ipv6.length, 0, MAX_ADDRESSES);
}

/**
 * Why a guest whose channel takes frames of `maxFrameBytes` does not send the frame of `length` bytes at `offset`, with
 * `tci` beside it; or null.
 */
export function refusalOfFrame(
  bytes: Uint8Array,
  offset: number,
  length: number,
  tci: number,
  maxFrameBytes: number,
): string | null {
  if (!(tci >= 0 && tci <= 0xffff && Number.isInteger(tci))) return `tci: expected 0 to 65535, found ${tci}`;
  if (length < LEAST_FRAME) return `a frame of ${length} bytes, an Ethernet header has ${LEAST_FRAME}`;
  if (
    length <= maxFrameBytes + MOST_TAG_BYTES &&
    !isFrameTooLong(bytes, offset, length, maxFrameBytes, tci !== 0)
  )
    return null;
  return `a frame of ${length} bytes, the limit is ${maxFrameBytes}, not counting up to two tags`;
}

function outside(key: string, value: number, least: number, most: number): string | null {
  const isInside = Number.isInteger(value) && value >= least && value <= most;
  return isInside ? null : `${key}: expected ${least} to ${most}, found ${value}`;
}
