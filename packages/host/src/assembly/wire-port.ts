/** The far end of the cable that is plugged into the NIC: two frame rings. */
import { FrameConsumer, FrameProducer, type FrameRingImage, type Machine } from '@vmq/machine';
import { NIC_AGENT, nextStamp } from '@vmq/nic';
import type { HostWire } from '../vm/host.ts';

export function createWirePort(machine: Machine, rx: FrameRingImage, tx: FrameRingImage): HostWire {
  const producer = new FrameProducer(rx);
  const consumer = new FrameConsumer(tx);
  const nic = machine.agent(NIC_AGENT);
  let stamp = machine.counters.stamps;
  return {
    producer,
    send(bytes, offset, length) {
      const at = producer.reserve(length, isTagged(bytes, offset, length) ? 4 : 0);
      if (at < 0) return 0;
      producer.u8.set(bytes.subarray(offset, offset + length), at);
      producer.commit(at, length, 0);
      stamp = nextStamp(stamp);
      return stamp;
    },
    flush() {
      producer.publish();
      for (let engine = 0; engine < rx.consumers; engine++) machine.board.wake(nic + engine);
    },
    receive(take) {
      const count = consumer.available();
      for (let i = 0; i < count; i++) take(consumer.u8, consumer.offsetOf(i), consumer.lengthOf(i));
      if (count > 0) {
        consumer.release(count);
        machine.board.wake(nic);
      }
      return count;
    },
  };
}

/** True for a frame with an 802.1Q tag: where it lies in the ring, its NIC can take the tag out at less cost. */
function isTagged(bytes: Uint8Array, offset: number, length: number): boolean {
  return length >= 16 && bytes[offset + 12] === 0x81 && bytes[offset + 13] === 0x00;
}
