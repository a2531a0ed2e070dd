// What a driver that is not sound does next: registers of a queue, a filter, the MSI-X table; descriptors; doorbells.
import { NIC_REGISTERS, REG, RX_QUEUE_STRIDE, TX_QUEUE_STRIDE } from '@vmq/nic';
import { edge } from '../../bytes.ts';
import type { Chance } from '../../target.ts';
import { DRIVER_PAGES, type Frame, HOST_BYTES, type RegisterWrite } from './nic-bench.ts';

export type DriverStep =
  | { readonly do: 'registers'; readonly writes: readonly RegisterWrite[] }
  /** Words at a word of host memory. */
  | { readonly do: 'descriptors'; readonly at: number; readonly words: readonly number[] }
  | { readonly do: 'frames'; readonly frames: readonly Frame[] }
  /** A transmit queue begun anew with frames in its ring. */
  | {
      readonly do: 'sound';
      readonly at: number;
      readonly words: readonly number[];
      readonly stop: readonly RegisterWrite[];
      readonly start: readonly RegisterWrite[];
    };

export function driverStep(random: Chance): DriverStep {
  const queue = random.below(4);
  if (random.once(12)) return nearlySound(random, queue);
  const kind = random.below(16);
  if (kind < 2) return registers(receiveQueue(random, queue));
  if (kind < 4) return registers(transmitQueue(random, queue));
  if (kind === 4) return registers(filter(random));
  if (kind === 5) {
    const { offset, count, stride } = random.pick(NIC_REGISTERS);
    return registers([[offset + random.below(count) * stride, edge(random)]]);
  }
  if (kind === 6) return registers(interruptVector(random));
  if (kind < 10) return descriptors(random);
  if (kind < 12) {
    const bell = random.once(2) ? REG.RDT + queue * RX_QUEUE_STRIDE : REG.TDT + queue * TX_QUEUE_STRIDE;
    return registers([[bell, random.once(4) ? edge(random) : random.below(256)]]);
  }
  if (kind === 12)
    return registers([
      [REG.RCTL, random.below(64)],
      [REG.MFS, random.once(2) ? edge(random) : 1514],
    ]);
  return { do: 'frames', frames: Array.from({ length: 1 + random.below(8) }, () => frame(random)) };
}

const registers = (writes: readonly RegisterWrite[]): DriverStep => ({ do: 'registers', writes });

/** An address: the driver's own pages, any page, beyond the end. */
function address(random: Chance): number {
  const kind = random.below(8);
  if (kind < 4) return random.below(DRIVER_PAGES * 4096) & ~15;
  if (kind < 6) return random.below(HOST_BYTES);
  return kind === 6 ? (HOST_BYTES - random.below(64)) >>> 0 : edge(random);
}

/** Half of the rings begin at one of a few places, where half of the descriptors are written. */
const ring = (random: Chance): number => (random.once(2) ? random.below(8) * 0x400 : address(random));
const ringLength = (random: Chance): number => (random.once(8) ? edge(random) : 2 << random.below(6));

function receiveQueue(random: Chance, queue: number): RegisterWrite[] {
  const at = (register: number): number => register + queue * RX_QUEUE_STRIDE;
  const control = random.once(6)
    ? edge(random)
    : 1 | random.below(32) | (random.pick([0, 64, 128, 300]) << 16);
  return [
    [at(REG.RXCTL), random.once(2) ? 0 : control],
    [at(REG.RDBASE), ring(random)],
    [at(REG.RDSEG), random.once(16) ? edge(random) : 0],
    [at(REG.RDLEN), ringLength(random)],
    [at(REG.RCBASE), address(random)],
    [at(REG.RSBASE), address(random) & (random.once(8) ? -1 : ~3)],
    [at(REG.RXBUF), random.once(4) ? edge(random) : 2048 | (256 << 16)],
    [at(REG.RXENTRY), random.once(4) ? edge(random) : random.below(4)],
    [at(REG.RXITR), random.once(8) ? edge(random) : 0],
    [at(REG.RXCTL), control],
    [at(REG.RDT), random.once(4) ? edge(random) : random.below(128)],
  ];
}

function transmitQueue(random: Chance, queue: number): RegisterWrite[] {
  const at = (register: number): number => register + queue * TX_QUEUE_STRIDE;
  return [
    [at(REG.TXCTL), random.once(2) ? 0 : 1],
    [at(REG.TDBASE), ring(random)],
    [at(REG.TDLEN), ringLength(random)],
    [at(REG.TSBASE), address(random) & ~3],
    [at(REG.TXCTL), 1],
    [at(REG.TDT), random.once(4) ? edge(random) : random.below(128)],
  ];
}

function filter(random: Chance): RegisterWrite[] {
  const at = random.below(16) * 16;
  return [
    [REG.FLTLO + at, random.once(4) ? edge(random) : 0x00155d00],
    [REG.FLTHI + at, random.below(4)],
    [REG.FLTVLAN + at, random.once(4) ? edge(random) : (random.below(3) << 16) | random.below(3)],
    [REG.FLTQ + at, random.once(4) ? edge(random) : (0x80000000 | random.below(6)) >>> 0],
  ];
}

function interruptVector(random: Chance): RegisterWrite[] {
  const at = REG.MSIXADDRLO + random.below(8) * 16;
  return [
    [at, random.once(3) ? edge(random) : 0xfee00000 + random.below(3) * 4096],
    [at + 8, edge(random)],
    [at + 12, random.below(2)],
  ];
}

function descriptors(random: Chance): DriverStep {
  const words: number[] = [];
  const at = (random.once(2) ? ring(random) + random.below(16) * 16 : random.below(HOST_BYTES)) >>> 4;
  for (let n = 1 + random.below(8); n > 0; n--) {
    const segment = random.once(5) ? edge(random) & 0xffff : random.once(4) ? 2 : 0;
    const flags = random.below(8) << 16;
    const length = random.once(3) ? edge(random) : 14 + random.below(1600);
    if (random.once(2)) words.push(address(random), segment | flags, length, edge(random));
    else words.push(address(random), segment, address(random), random.once(4) ? edge(random) : segment);
  }
  return { do: 'descriptors', at: at * 4, words };
}

function frame(random: Chance): Frame {
  const length = random.once(6) ? random.below(1700) : 60 + random.below(200);
  const tagged = random.once(2);
  const group = random.once(4) ? random.pick([0xff, 1]) : 0;
  return { length, group, mac: random.below(4), vlan: tagged ? random.below(4) : -1 };
}

/** A transmit queue begun anew with four frames in its ring; sometimes one word of them is wrong. */
function nearlySound(random: Chance, queue: number): DriverStep {
  const base = random.below(8) * 0x400;
  const words: number[] = [];
  for (let n = 0; n < 4; n++)
    words.push(0x4000 + random.below(0x3000), (1 | (random.below(2) << 1)) << 16, 14 + random.below(1500), 5);
  if (random.once(2)) words[random.below(16)] = edge(random);
  const at = (register: number): number => register + queue * TX_QUEUE_STRIDE;
  return {
    do: 'sound',
    at: base >> 2,
    words,
    stop: [[at(REG.TXCTL), 0]],
    start: [
      [at(REG.TDBASE), base],
      [at(REG.TDSEG), 0],
      [at(REG.TDLEN), 4],
      [at(REG.TSBASE), 0x7000 + queue * 64],
      [at(REG.TXCTL), 1],
      [at(REG.TDT), 4],
    ],
  };
}
