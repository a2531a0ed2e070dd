/** A guest with a channel, on a deterministic machine, and the host's side of the channel in the test's hands. */
import { createDeterministicExecutor, createMachine, createVirtualClock } from '@vmq/machine';
import {
  createChannelControl,
  createChannelHost,
  GUEST_ENTRY_SHIFT,
  GuestFrameBatch,
  layoutGuest,
} from '@vmq/netvsc';
import { expect } from 'vitest';
import { createGuestAgent } from '../src/agent/virtual-machine.ts';
import type { GuestAgentData } from '../src/endpoint/endpoint-config.ts';
import { createGuestStatistics, readGuestStatistics } from '../src/observe/statistics.ts';

export const MAC = { hi: 0x0015, lo: 0x5d010203 };
export const PEER = { hi: 0x0200, lo: 0x00000001 };

export interface Frame {
  readonly bytes: Uint8Array;
  readonly tci: number;
}

export function createRig(data: Partial<GuestAgentData> = {}) {
  const clock = createVirtualClock();
  const machine = createMachine({
    hostMemoryBytes: 1 << 16,
    processors: 1,
    agents: ['vm:a'],
    dropReasons: [],
    clock,
  });
  const segment = machine.memory.addSegment('vm:a', layoutGuest(data.layout).end);
  const control = createChannelControl(machine, {
    channel: 1,
    segment: segment.id,
    guestAgent: machine.agent('vm:a'),
    macAddress: [0x00, 0x15, 0x5d, 0x01, 0x02, 0x03],
  });
  const statistics = createGuestStatistics();
  const executor = createDeterministicExecutor(machine, clock, { factories: { guest: createGuestAgent } });
  const agentData: GuestAgentData = {
    segment: segment.id,
    messages: control.messages,
    number: 7,
    statistics,
    ...data,
  };
  executor.start([{ name: 'vm:a', factory: 'guest', data: agentData }]);
  control.offer();
  expect(executor.runUntil(() => control.poll())).toBe(true);
  const host = createChannelHost({ machine, trace: null }, control.image());
  const sent: Frame[] = [];
  const frames = new GuestFrameBatch(16);
  const poll = (): boolean => {
    frames.count = 0;
    frames.buffers = Int32Array.from({ length: 16 }, (_, i) => i * 2048);
    frames.bufferCount = 16;
    const more = host.poll(frames, 64);
    for (let i = 0; i < frames.count; i++) {
      const [offset, length, tci] = frames.entries.subarray(i << GUEST_ENTRY_SHIFT);
      sent.push({ bytes: machine.memory.host.u8.slice(offset, offset + length), tci });
    }
    return more;
  };
  const run = (): void => {
    for (let n = 0; n < 1000; n++) {
      const before = sent.length;
      executor.runUntilIdle();
      while (poll());
      executor.runUntilIdle();
      if (sent.length === before) return;
    }
  };
  return {
    machine,
    executor,
    control,
    host,
    segment,
    sent,
    run,
    statistics: () => readGuestStatistics(statistics),
    deliver(frames: readonly Frame[]): number {
      if (!host.beginBatch(frames.length)) return 0;
      for (const { bytes, tci } of frames) {
        const section = host.nextSection();
        if (section < 0) break;
        segment.u8.set(bytes, host.frameOffset(section));
        host.commit(section, bytes.length, tci);
      }
      return host.endBatch();
    },
  };
}

export function untagged(bytes: Uint8Array): Frame {
  return { bytes, tci: 0 };
}
