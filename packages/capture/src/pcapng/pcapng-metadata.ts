import { readI64, readU16, readU32, readU64 } from '../model/byte-order.ts';
import type {
  CaptureInterface,
  CaptureSection,
  InterfaceStatistics,
  NameRecord,
} from '../model/capture-interface.ts';
import { fcsLengthOfInterface } from '../model/fcs-length.ts';
import { decodeText } from '../model/text.ts';
import type { TickScale } from '../model/tick-scale.ts';
import {
  IF_DESCRIPTION,
  IF_FCSLEN,
  IF_NAME,
  IF_TSOFFSET,
  IF_TSRESOL,
  ISB_FILTERACCEPT,
  ISB_IFDROP,
  ISB_IFRECV,
  ISB_OSDROP,
  ISB_USRDELIV,
  NRB_RECORD_END,
  NRB_RECORD_IPV4,
  NRB_RECORD_IPV6,
  OPT_COMMENT,
  padded,
  SHB_HARDWARE,
  SHB_OS,
  SHB_USERAPPL,
} from './pcapng-format.ts';
import type { OptionWalk } from './pcapng-option-walk.ts';

/*
 * The blocks that describe rather than carry packets. Each function takes the block's body and a started option walk. Bad
 * options are ignored; the walk says afterwards what was wrong with the first.
 */

export interface DecodedInterface {
  readonly described: CaptureInterface;
  /** The value of an `if_fcslen` that is no length, else `null`. */
  readonly badFcsLength: number | null;
}

export function decodeSection(options: OptionWalk, bigEndian: boolean): CaptureSection {
  let hardware: string | null = null;
  let os: string | null = null;
  let userApplication: string | null = null;
  const comments: string[] = [];
  while (options.next()) {
    if (options.code === OPT_COMMENT) comments.push(options.text());
    else if (options.code === SHB_HARDWARE) hardware = options.text();
    else if (options.code === SHB_OS) os = options.text();
    else if (options.code === SHB_USERAPPL) userApplication = options.text();
  }
  return { bigEndian, hardware, os, userApplication, comments };
}

/** Body: link type 2, reserved 2, snap length 4. */
export function decodeInterface(
  bytes: Uint8Array,
  body: number,
  options: OptionWalk,
  bigEndian: boolean,
): DecodedInterface {
  let name: string | null = null;
  let description: string | null = null;
  let fcsLength: number | null = null;
  let badFcsLength: number | null = null;
  let timestampResolution = 6;
  let timestampOffset = 0;
  const comments: string[] = [];
  while (options.next()) {
    const { code } = options;
    if (code === OPT_COMMENT) comments.push(options.text());
    else if (code === IF_NAME) name = options.text();
    else if (code === IF_DESCRIPTION) description = options.text();
    else if (code === IF_TSRESOL && options.holds(1)) timestampResolution = bytes[options.offset]!;
    else if (code === IF_TSOFFSET && options.holds(8))
      timestampOffset = readI64(bytes, options.offset, bigEndian);
    else if (code === IF_FCSLEN && options.holds(1)) {
      const value = bytes[options.offset]!;
      fcsLength = fcsLengthOfInterface(value);
      badFcsLength = fcsLength === null ? value : null;
    }
  }
  const described = {
    linkType: readU16(bytes, body, bigEndian),
    snapLength: readU32(bytes, body + 4, bigEndian),
    fcsLength,
    name,
    description,
    comments,
    timestampResolution,
    timestampOffset,
    statistics: null,
  };
  return { described, badFcsLength };
}

/** Body: interface id 4, time 8. */
export function decodeStatistics(
  bytes: Uint8Array,
  body: number,
  options: OptionWalk,
  bigEndian: boolean,
  scale: TickScale,
): InterfaceStatistics {
  let received: number | null = null;
  let dropped: number | null = null;
  let filterAccepted: number | null = null;
  let osDropped: number | null = null;
  let delivered: number | null = null;
  while (options.next()) {
    const { code } = options;
    if (code < ISB_IFRECV || code > ISB_USRDELIV || !options.holds(8)) continue;
    const value = readU64(bytes, options.offset, bigEndian);
    if (code === ISB_IFRECV) received = value;
    else if (code === ISB_IFDROP) dropped = value;
    else if (code === ISB_FILTERACCEPT) filterAccepted = value;
    else if (code === ISB_OSDROP) osDropped = value;
    else delivered = value;
  }
  scale.split(readU32(bytes, body + 4, bigEndian), readU32(bytes, body + 8, bigEndian));
  const { seconds, nanoseconds } = scale;
  return { seconds, nanoseconds, received, dropped, filterAccepted, osDropped, delivered };
}

/**
 * Records: type 2, length 2, address, names each ended by a NUL, padding; a record of type 0 ends them.
 * Other address kinds are passed over. `broken`: a record ran past the block, the ones before it are there.
 */
export function decodeNames(
  bytes: Uint8Array,
  body: number,
  end: number,
  bigEndian: boolean,
): { readonly records: readonly NameRecord[]; readonly broken: boolean } {
  const records: NameRecord[] = [];
  const broken = { records, broken: true };
  for (let at = body; at < end; ) {
    if (at + 4 > end) return broken;
    const type = readU16(bytes, at, bigEndian);
    const length = readU16(bytes, at + 2, bigEndian);
    if (type === NRB_RECORD_END) break;
    const value = at + 4;
    at = value + padded(length);
    if (at > end) return broken;
    const addressLength = type === NRB_RECORD_IPV4 ? 4 : type === NRB_RECORD_IPV6 ? 16 : 0;
    if (addressLength === 0) continue;
    if (length < addressLength) return broken;
    const names: string[] = [];
    let start = value + addressLength;
    for (let i = start; i < value + length; i++) {
      if (bytes[i] !== 0) continue;
      if (i > start) names.push(decodeText(bytes, start, i - start));
      start = i + 1;
    }
    records.push({ address: new Uint8Array(bytes.subarray(value, value + addressLength)), names });
  }
  return { records, broken: false };
}
