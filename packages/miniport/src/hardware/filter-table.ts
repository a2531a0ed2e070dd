/**
 * The device's receive-filter table, by NDIS filter id.
 *
 *   free ──set, acknowledged──> taken ──cleared, acknowledged──> free
 *
 * A slot whose clearing the device has not acknowledged stays taken, so that the clear can be tried again.
 *
 * IRQL: PASSIVE_LEVEL; a commit waits for the device.
 */
import type { HardwareFilter } from './device.ts';

/** What the table needs of a device. */
export interface FilterDevice {
  /** Programs the entry in `slot`, or empties it; in force from the next commit on. */
  writeFilter(slot: number, filter: HardwareFilter | null): void;
  /** Has the device take over what was written; false if it does not answer. */
  commit(): boolean;
}

export class FilterTable {
  readonly #device: FilterDevice;
  /** Filter id by slot; 0 = free. */
  readonly #slots: number[];
  readonly #filters: HardwareFilter[] = [];

  constructor(device: FilterDevice, entries: number) {
    this.#device = device;
    this.#slots = new Array<number>(entries).fill(0);
  }

  /** False if the table is full or the device does not answer; then no filter is left behind (FLT-24). */
  set(filterId: number, filter: HardwareFilter): boolean {
    const slot = this.#slots.indexOf(0);
    if (slot < 0) return false;
    this.#device.writeFilter(slot, filter);
    if (!this.#device.commit()) {
      this.#device.writeFilter(slot, null);
      return false;
    }
    this.#slots[slot] = filterId;
    this.#filters[slot] = filter;
    return true;
  }

  /** Writes every filter again, for a device that has forgotten them; in force from the next commit on. */
  restore(): void {
    this.#slots.forEach((filterId, slot) => {
      this.#device.writeFilter(slot, filterId === 0 ? null : this.#filters[slot]);
    });
  }

  /** True once the device classifies without the filter; false if it does not answer or there is no such filter. */
  clear(filterId: number): boolean {
    const slot = this.#slots.indexOf(filterId);
    if (slot < 0) return false;
    this.#device.writeFilter(slot, null);
    if (!this.#device.commit()) return false;
    this.#slots[slot] = 0;
    return true;
  }
}
