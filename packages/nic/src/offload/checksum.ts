/** Receive checksum validation, for queues that ask for it (RXCTL.CSUMEN). */
import { RXC_IPCS_BAD, RXC_IPCS_OK, RXC_L4CS_BAD, RXC_L4CS_OK } from '../registers/descriptors.ts';

const TCP = 6;
const UDP = 17;

/** Ones' complement sum of big-endian 16-bit words; not folded. */
function sumWords(u8: Uint8Array, at: number, length: number): number {
  let sum = 0;
  let i = at;
  for (const stop = at + (length & ~1); i < stop; i += 2) sum += (u8[i] << 8) | u8[i + 1];
  if ((length & 1) !== 0) sum += u8[i] << 8;
  return sum;
}

/** True if the sum, checksum field included, folds to all ones. */
function isValid(sum: number): boolean {
  let folded = (sum & 0xffff) + Math.floor(sum / 0x10000);
  folded = (folded & 0xffff) + (folded >>> 16);
  return folded === 0xffff;
}

/**
 * Completion status bits for the frame at `frame`, `end` being one past its last byte and `type` the offset of
 * its EtherType. Nothing is set for what the device does not check: other protocols, fragments, truncated
 * headers, UDP without a checksum.
 */
export function checksumStatus(u8: Uint8Array, type: number, end: number): number {
  const etherType = (u8[type] << 8) | u8[type + 1];
  const ip = type + 2;
  if (etherType === 0x0800) return ipv4Status(u8, ip, end);
  return etherType === 0x86dd ? ipv6Status(u8, ip, end) : 0;
}

function ipv4Status(u8: Uint8Array, ip: number, end: number): number {
  if (ip + 20 > end) return 0;
  const first = u8[ip];
  const header = (first & 15) * 4;
  const total = (u8[ip + 2] << 8) | u8[ip + 3];
  if (first >> 4 !== 4 || header < 20 || total < header || ip + total > end) return 0;
  if (!isValid(sumWords(u8, ip, header))) return RXC_IPCS_BAD;
  const fragment = ((u8[ip + 6] & 0x3f) << 8) | u8[ip + 7];
  if (fragment !== 0) return RXC_IPCS_OK;
  return RXC_IPCS_OK | layer4Status(u8, u8[ip + 9], ip + 12, 8, ip + header, total - header);
}

function ipv6Status(u8: Uint8Array, ip: number, end: number): number {
  if (ip + 40 > end || u8[ip] >> 4 !== 6) return 0;
  const length = (u8[ip + 4] << 8) | u8[ip + 5];
  if (ip + 40 + length > end) return 0;
  return layer4Status(u8, u8[ip + 6], ip + 8, 32, ip + 40, length);
}

function layer4Status(
  u8: Uint8Array,
  protocol: number,
  addresses: number,
  addressBytes: number,
  at: number,
  length: number,
): number {
  if (protocol === UDP) {
    if (length < 8 || (u8[at + 6] | u8[at + 7]) === 0) return 0;
  } else if (protocol !== TCP || length < 20) return 0;
  const pseudo = sumWords(u8, addresses, addressBytes) + protocol + length;
  return isValid(pseudo + sumWords(u8, at, length)) ? RXC_L4CS_OK : RXC_L4CS_BAD;
}
