/**
 * How a guest lays out the memory its network driver uses. The host never computes this: it learns each part
 * from the guest's own GPADLs.
 *
 *   base   +0        driver pages       the driver's own state, so that it survives with the memory
 *                    ring guest->host   header page, data
 *                    ring host->guest   header page, data
 *                    receive buffer     receiveSections sections, rounded up to pages
 *                    send buffer        sendSections sections, rounded up to pages
 */
import { PAGE_SIZE } from '@vmq/machine';
import { RING_HEADER_BYTES } from '@vmq/vmbus';
import { sectionSizeFor } from '../protocol/rndis.ts';
import { driverBytes } from './guest-driver-page.ts';

export interface GuestLayoutOptions {
  /** Byte offset in the guest's segment, a multiple of 4096; default 0. */
  readonly base?: number;
  /** Data bytes of each ring, rounded up to pages; default 65536. */
  readonly ringBytes?: number;
  /** Longest frame in bytes, without FCS and tag; default 1514. */
  readonly maxFrameBytes?: number;
  /** Default 512. */
  readonly receiveSections?: number;
  /** Default 64. */
  readonly sendSections?: number;
}

/** Byte offsets and lengths, all whole pages. */
export interface GuestLayout {
  readonly driver: number;
  /** Received frames the driver can remember: a power of two, at least the receive sections. */
  readonly queueLength: number;
  /** Both rings, one GPADL: guest-to-host first. */
  readonly rings: number;
  readonly ringsLength: number;
  /** Bytes from `rings` to the host-to-guest ring. */
  readonly downstream: number;
  /** Data bytes of each ring. */
  readonly ringBytes: number;
  readonly receive: number;
  readonly receiveLength: number;
  readonly send: number;
  readonly sendLength: number;
  readonly maxFrameBytes: number;
  /** First byte behind all of it: the least size of the guest's segment. */
  readonly end: number;
}

const pages = (bytes: number): number => Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;

export function layoutGuest(options: GuestLayoutOptions = {}): GuestLayout {
  const base = options.base ?? 0;
  if (base % PAGE_SIZE !== 0) throw new RangeError(`guest layout: base ${base} is not a multiple of 4096`);
  const maxFrameBytes = options.maxFrameBytes ?? 1514;
  const section = sectionSizeFor(maxFrameBytes);
  const ringBytes = pages(options.ringBytes ?? 65536);
  const receiveLength = pages(section * (options.receiveSections ?? 512));
  const sendLength = pages(section * (options.sendSections ?? 64));
  const driver = base;
  // The host's sections are never smaller than this, so it never has more frames outstanding.
  const queueLength = 2 ** Math.ceil(Math.log2(Math.floor(receiveLength / sectionSizeFor(0))));
  const rings = driver + pages(driverBytes(queueLength));
  const downstream = RING_HEADER_BYTES + ringBytes;
  const ringsLength = 2 * downstream;
  const receive = rings + ringsLength;
  const send = receive + receiveLength;
  return {
    driver,
    queueLength,
    rings,
    ringsLength,
    downstream,
    ringBytes,
    receive,
    receiveLength,
    send,
    sendLength,
    maxFrameBytes,
    end: send + sendLength,
  };
}
