/**
 * Judges a channel that came from another host before anything is built on it.
 *
 * The host trusts its private state of a channel because no guest can write there. What came over a wire has to earn
 * that trust: every place inside the guest's memory, every index inside its ring, and each section either free or in
 * exactly one message the guest has not completed.
 */
import { PAGE_SIZE } from '@vmq/machine';
import type { RingPlace, SectionBuffer } from '@vmq/vmbus';
import { RING_HEADER_BYTES } from '@vmq/vmbus';
import { VMBUS_VIOLATIONS } from '../channel/violations.ts';
import { sectionSizeFor } from '../protocol/rndis.ts';
import { MAX_MULTICAST } from '../protocol/rndis-oids.ts';
import {
  ANSWERS_HEAD,
  ANSWERS_TAIL,
  ChannelState,
  channelStateBytes,
  DELIVERY_LOCK,
  FREE_SECTIONS,
  IN_READ,
  IN_WRITE_SEEN,
  LOANED_SECTIONS,
  MAX_ANSWERS,
  MULTICAST_COUNT,
  OUT_READ_SEEN,
  OUT_WRITE,
  OUTSTANDING,
  POLL_LOCK,
  RETURNED_SECTIONS,
} from '../state/channel-state.ts';
import type { SavedChannel } from './channel-control.ts';

const LEAST_RING = 4096;
const MOST_SECTIONS = 65_536;

/**
 * Why `saved` cannot be the channel of a guest with `memoryBytes` bytes of memory, or null if it can. Never throws
 * for a value of the right shape.
 */
export function refusalOfSavedChannel(saved: SavedChannel, memoryBytes: number): string | null {
  const { toGuest, toHost, receive, send, maxFrameBytes, stateSections } = saved;
  if (!isIn(maxFrameBytes, 60, 65_535)) return `frames of ${maxFrameBytes} bytes`;
  if (!isIn(stateSections, 1, MOST_SECTIONS)) return `room for ${stateSections} sections`;
  const bytes = channelStateBytes(stateSections);
  if (saved.state.byteLength !== bytes)
    return `a state of ${saved.state.byteLength} bytes, ${stateSections} sections need ${bytes}`;
  for (const [name, ring] of [
    ['host-to-guest', toGuest],
    ['guest-to-host', toHost],
  ] as const) {
    if (!isRing(ring, memoryBytes))
      return `the ${name} ring at ${ring.offset}, ${ring.dataBytes} bytes, is not in the guest's memory`;
  }
  for (const [name, buffer] of [
    ['receive', receive],
    ['send', send],
  ] as const) {
    if (!isBuffer(buffer, memoryBytes, maxFrameBytes))
      return `the ${name} buffer at ${buffer.offset}, ${buffer.sectionCount} sections of ${buffer.sectionSize} bytes, is not in the guest's memory`;
  }
  if (receive.sectionCount > stateSections)
    return `${receive.sectionCount} receive sections, room for ${stateSections}`;
  return refusalOfState(saved);
}

function refusalOfState({
  state: bytes,
  stateSections,
  toGuest,
  toHost,
  receive,
}: SavedChannel): string | null {
  const copy = new SharedArrayBuffer(bytes.byteLength);
  new Uint8Array(copy).set(new Uint8Array(bytes));
  const state = new ChannelState(copy, stateSections);
  const { words } = state;
  const word = (at: number): number => words[at];
  for (const [name, at, ring] of [
    ['write', OUT_WRITE, toGuest],
    ['read', OUT_READ_SEEN, toGuest],
    ['read', IN_READ, toHost],
    ['write', IN_WRITE_SEEN, toHost],
  ] as const) {
    if (!isIn(word(at), 0, ring.dataBytes - 1) || word(at) % 8 !== 0)
      return `${name} index ${word(at)} in a ring of ${ring.dataBytes} bytes`;
  }
  // Whoever held it is on the other host: nobody here would ever let it go.
  if (word(DELIVERY_LOCK) !== 0 || word(POLL_LOCK) !== 0) return 'one of its locks is held';
  const counts = VMBUS_VIOLATIONS.map((_, kind) => state.violationCount(kind));
  if (counts.some((count) => count < 0) || counts.reduce((sum, count) => sum + count, 0) !== state.violations)
    return `${state.violations} violations, by name ${counts.join(' ')}`;
  const waiting = (word(ANSWERS_TAIL) - word(ANSWERS_HEAD)) | 0;
  if (!isIn(waiting, 0, MAX_ANSWERS)) return `${waiting} answers wait`;
  if (!isIn(word(MULTICAST_COUNT), 0, MAX_MULTICAST)) return `${word(MULTICAST_COUNT)} multicast addresses`;
  if (word(LOANED_SECTIONS) !== 0 || word(RETURNED_SECTIONS) !== 0)
    return 'sections are on loan to an adapter';
  return refusalOfSections(state, receive.sectionCount);
}

function refusalOfSections(state: ChannelState, count: number): string | null {
  const { words } = state;
  const free = words[FREE_SECTIONS];
  if (!isIn(free, 0, count)) return `${free} free sections of ${count}`;
  const seen = new Uint8Array(count);
  const take = (section: number): boolean => {
    if (!isIn(section, 0, count - 1) || seen[section] === 1) return false;
    seen[section] = 1;
    return true;
  };
  for (let i = 0; i < free; i++) {
    const section = words[state.free + i];
    if (!take(section)) return `section ${section} is free twice or does not exist`;
  }
  let messages = 0;
  for (let first = 0; first < count; first++) {
    if (words[state.loans + first] !== 0) return `section ${first} is on loan`;
    if (words[state.serials + first] === 0) continue;
    messages++;
    for (let section = first; section !== -1; section = words[state.next + section]) {
      if (!take(section)) return `section ${section} is in two places or does not exist`;
    }
  }
  if (messages !== words[OUTSTANDING])
    return `${messages} messages, ${words[OUTSTANDING]} said to be outstanding`;
  const lost = seen.indexOf(0);
  return lost < 0 ? null : `section ${lost} is nowhere`;
}

function isIn(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function isRing({ offset, dataBytes }: RingPlace, memoryBytes: number): boolean {
  return (
    isIn(dataBytes, LEAST_RING, memoryBytes) &&
    dataBytes % 8 === 0 &&
    isIn(offset, 0, memoryBytes - RING_HEADER_BYTES - dataBytes) &&
    offset % PAGE_SIZE === 0
  );
}

function isBuffer(buffer: SectionBuffer, memoryBytes: number, maxFrameBytes: number): boolean {
  const { offset, sectionSize, sectionCount } = buffer;
  return (
    isIn(sectionCount, 1, MOST_SECTIONS) &&
    isIn(sectionSize, sectionSizeFor(maxFrameBytes), memoryBytes) &&
    sectionSize % 64 === 0 &&
    isIn(offset, 0, memoryBytes - sectionSize * sectionCount) &&
    offset % PAGE_SIZE === 0
  );
}
