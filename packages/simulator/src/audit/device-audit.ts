/** The device's registers against NDIS's books: what is set there is what was asked for, and nothing else. */
import type { Host } from '@vmq/host';
import type { NdisAdapter } from '@vmq/ndis';
import { REG, RX_QUEUE_STRIDE } from '@vmq/nic';
import { fail } from './simulation-failure.ts';

/** Of the datasheet: bytes from one filter to the next; bit 0 of RXSTS; bit 31 of FLTQ is the sign. */
const FILTER_STRIDE = 0x10;
const QSTS_ENABLED = 1;

type AdapterReport = ReturnType<NdisAdapter['inspect']>;

export class DeviceAudit {
  readonly #host: Host;
  readonly #words: Int32Array;
  readonly #queues: number;
  readonly #filters: number;

  constructor(host: Host) {
    this.#host = host;
    const bar = host.machine.memory.segments.find(({ name }) => name === 'nic');
    if (bar === undefined) throw new Error('simulation: the NIC has no registers');
    this.#words = bar.i32;
    const packed = bar.i32[REG.CAPQ >> 2];
    this.#queues = packed & 0xff;
    this.#filters = (packed >>> 8) & 0xfff;
  }

  /**
   * With the machine at rest, the adapter Running and the device in D0. `isFaulty`: a filter that a device in trouble
   * was told to clear and did not acknowledge stays in the books, and is cleared once more later.
   */
  check({ queues, filters }: AdapterReport, isFaulty: boolean): void {
    const name = this.#host.config.name;
    const words = this.#words;
    const active = new Set(
      queues.filter(({ state }) => state === 'Running' || state === 'Paused').map(({ queueId }) => queueId),
    );
    for (let queue = 0; queue <= this.#queues; queue++) {
      const status = words[(REG.RXSTS + queue * RX_QUEUE_STRIDE) >> 2];
      const isEnabled = (status & QSTS_ENABLED) !== 0;
      if (isEnabled !== active.has(queue))
        fail('books agree', `${name}: queue ${queue} ${isEnabled ? 'receives' : 'does not receive'}`);
    }
    for (const { queueId, msixTableEntry } of queues) {
      const entry = words[(REG.RXENTRY + queueId * RX_QUEUE_STRIDE) >> 2];
      if (entry !== msixTableEntry)
        fail(
          'books agree',
          `${name}: queue ${queueId} interrupts by entry ${entry}, NDIS says ${msixTableEntry}`,
        );
    }
    const wanted = new Map<string, number>();
    for (const { mac, vlanId, queueId } of filters)
      wanted.set(
        `${mac} ${vlanId ?? ''} ${queueId}`,
        (wanted.get(`${mac} ${vlanId ?? ''} ${queueId}`) ?? 0) + 1,
      );
    let set = 0;
    for (let slot = 0; slot < this.#filters; slot++) {
      const at = (REG.FLTLO + slot * FILTER_STRIDE) >> 2;
      const target = words[at + 3];
      if (target >= 0) continue;
      set++;
      const vlan = words[at + 2];
      const isExact = ((vlan >>> 16) & 3) === 1;
      const key = `${macOf(words[at], words[at + 1])} ${isExact ? vlan & 0xfff : ''} ${target & 0xff}`;
      if (!wanted.has(key)) fail('books agree', `${name}: the device has a filter ${key} that nobody set`);
    }
    if (isFaulty ? set > filters.length : set !== filters.length)
      fail('books agree', `${name}: the device has ${set} filters, NDIS ${filters.length}`);
  }
}

/** Four bytes in network order, then two. */
function macOf(low: number, high: number): string {
  const bytes = [low >>> 24, low >>> 16, low >>> 8, low, high >>> 8, high];
  return bytes.map((byte) => (byte & 0xff).toString(16).toUpperCase().padStart(2, '0')).join('-');
}
