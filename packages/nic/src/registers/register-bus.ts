/**
 * The driver's side of the bus: 32-bit register reads and writes, from any thread.
 *
 * A write is stored atomically. If the register draws the device's attention, the part of the device that is
 * meant is marked and the device woken. A doorbell for more receive descriptors wakes it only if the port is
 * waiting for that queue (STARVED): a running port finds the new tail by itself, and a sleeping one has no use
 * for it. Arming a receive queue wakes it only if there are completions that RCT does not know of; see
 * `interrupt-unit.ts` for why no interrupt is lost.
 *
 * RCT and TCT are stored without more ado: the store that arms the queue comes after them and shows them.
 */
import type { MemorySegment } from '@vmq/machine';
import {
  ATTEND_CONFIG,
  ATTEND_MSIX,
  ATTEND_TX,
  ATTENTION,
  ATTENTION_TX,
  engineOf,
  markReceiveQueue,
  UNREACHABLE,
} from './device-memory.ts';
import {
  BAR_REGISTER_BYTES,
  QSTS_STARVED,
  REG,
  RX_QUEUE_STRIDE,
  TX_QUEUE_STRIDE,
} from './register-constants.ts';
import { NIC_REGISTERS, type RegisterDefinition } from './registers.ts';

/** The registers as a driver sees them. Offsets are bytes and multiples of 4; values are unsigned. */
export interface NicRegisters {
  read32(offset: number): number;
  /**
   * The same by a plain load: it may be older than other threads' last writes, but not older than one's own, nor than
   * what was written before an interrupt that has been taken. Not for registers that a read clears.
   */
  peek32(offset: number): number;
  write32(offset: number, value: number): void;
}

/** What the bus does with a word; one byte per register word. */
const PLAIN = 1;
const WRITE_1_TO_CLEAR = 2;
const READ_CLEARS = 3;
const CONFIG = 4;
const RX_TAIL = 5;
const RX_ARM = 6;
const TX_BELL = 7;
const MSIX = 8;
const POSTED = 9;

/** What a bus reads where nobody answers. */
const ALL_ONES = 0xffff_ffff;

function actionOf(register: RegisterDefinition): number {
  if (register.access === 'RO') return 0;
  if (register.access === 'W1C') return WRITE_1_TO_CLEAR;
  if (register.access === 'RC') return READ_CLEARS;
  if (register.offset === REG.RCT || register.offset === REG.TCT) return POSTED;
  if (register.effect !== 'attention') return PLAIN;
  if (register.offset === REG.RDT) return RX_TAIL;
  if (register.group === 'receive queue') return RX_ARM;
  if (register.group === 'transmit queue') return TX_BELL;
  return register.group === 'msi-x' ? MSIX : CONFIG;
}

function actionTable(): Uint8Array {
  const table = new Uint8Array(BAR_REGISTER_BYTES / 4);
  for (const register of NIC_REGISTERS) {
    const action = actionOf(register);
    for (let i = 0; i < register.count; i++) table[(register.offset + i * register.stride) >> 2] = action;
  }
  return table;
}

/** Number of the receive queue that a register belongs to. */
const queueAt = (offset: number): number => ((offset - REG.RDBASE) / RX_QUEUE_STRIDE) | 0;

/** The same for every bus, and never changed. */
const ACTIONS: Uint8Array = actionTable();

/**
 * Connects a driver to the registers in `segment` (see `createNicBar`). `wake` must make the device's agent
 * run, e.g. `() => machine.board.wake(machine.agent('nic'))`; with several receive engines that of engine `engine`, whose
 * number is as much greater.
 */
export function attachNicRegisters(segment: MemorySegment, wake: (engine: number) => void): NicRegisters {
  const words = segment.i32;
  const actions = ACTIONS;
  const attend = (part: number): void => {
    Atomics.or(words, ATTENTION, part);
    wake(0);
  };
  const check = (offset: number): void => {
    if (!(offset >= 0 && offset < BAR_REGISTER_BYTES) || (offset & ~3) !== offset)
      throw new RangeError(`NIC register offset ${offset}: need a multiple of 4 below ${BAR_REGISTER_BYTES}`);
  };
  return {
    read32(offset: number): number {
      check(offset);
      if (Atomics.load(words, UNREACHABLE) !== 0) return ALL_ONES;
      const at = offset >> 2;
      if (actions[at] === READ_CLEARS) return Atomics.exchange(words, at, 0) >>> 0;
      return Atomics.load(words, at) >>> 0;
    },
    peek32(offset: number): number {
      check(offset);
      return words[UNREACHABLE] !== 0 ? ALL_ONES : words[offset >> 2] >>> 0;
    },
    write32(offset: number, value: number): void {
      check(offset);
      // A write that meets the card's end may still get there; after a publication every thread sees it.
      if (words[UNREACHABLE] !== 0) return;
      const at = offset >> 2;
      switch (actions[at]) {
        case PLAIN:
          Atomics.store(words, at, value | 0);
          return;
        case POSTED:
          words[at] = value | 0;
          return;
        case WRITE_1_TO_CLEAR:
          Atomics.and(words, at, ~value);
          return;
        case CONFIG:
          Atomics.store(words, at, value | 0);
          attend(ATTEND_CONFIG);
          return;
        case RX_TAIL: {
          Atomics.store(words, at, value | 0);
          // The device sets STARVED and then looks at the tail once more, so one of the two sees the other.
          const status = at + ((REG.RXSTS - REG.RDT) >> 2);
          if ((Atomics.load(words, status) & QSTS_STARVED) !== 0) wake(engineOf(words, queueAt(offset)));
          return;
        }
        case RX_ARM: {
          Atomics.store(words, at, value | 0);
          const head = Atomics.load(words, at + ((REG.RDH - REG.RXARM) >> 2));
          if (value === 0 || head === words[at + ((REG.RCT - REG.RXARM) >> 2)]) return;
          const queue = queueAt(offset);
          const engine = engineOf(words, queue);
          markReceiveQueue(words, engine, queue);
          wake(engine);
          return;
        }
        case TX_BELL: {
          Atomics.store(words, at, value | 0);
          const queue = ((offset - REG.TDBASE) / TX_QUEUE_STRIDE) | 0;
          Atomics.or(words, ATTENTION_TX + (queue >> 5), 1 << (queue & 31));
          attend(ATTEND_TX);
          return;
        }
        case MSIX:
          Atomics.store(words, at, value | 0);
          attend(ATTEND_MSIX);
          return;
        default: // read-only or reserved: writes are ignored
      }
    },
  };
}
