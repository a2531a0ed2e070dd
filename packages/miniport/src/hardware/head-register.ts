/** Head registers count freely through all of 32 bits, so all ones is a count like any other, and what a bus answers for a card that is gone. */
import { type NicRegisters, REG } from '@vmq/nic';

/** What a bus answers where no card is. */
export const ALL_ONES = 0xffff_ffff;

/** A head register as an int32; null if the card is gone, for VERSION is never all ones. */
export function readHead(registers: NicRegisters, register: number): number | null {
  const head = registers.read32(register) | 0;
  return head === (ALL_ONES | 0) && registers.read32(REG.VERSION) === ALL_ONES ? null : head;
}
