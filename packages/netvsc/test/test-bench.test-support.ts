/** A host and a guest with one channel between them, on a deterministic machine; for the tests of this package. */
import {
  type Agent,
  type AgentContext,
  createDeterministicExecutor,
  createMachine,
  createVirtualClock,
  type DeterministicExecutor,
  type Machine,
  type MemorySegment,
  type VirtualClock,
} from '@vmq/machine';
import {
  GUEST_ENTRY_AT,
  GUEST_ENTRY_LENGTH,
  GUEST_ENTRY_SHIFT,
  GUEST_ENTRY_TCI,
  GuestFrameBatch,
} from '../src/channel/guest-frame-batch.ts';
import type { ChannelControl, ChannelControlOptions } from '../src/control/channel-control.ts';
import { createChannelControl } from '../src/control/control-path.ts';
import type { ChannelGuest, HostFrameHandler } from '../src/guest/channel-guest.ts';
import { createChannelGuest } from '../src/guest/guest-channel.ts';
import { type GuestLayoutOptions, layoutGuest } from '../src/guest/guest-layout.ts';
import type { ChannelHost } from '../src/host/channel-host.ts';
import { createChannelHost } from '../src/host/host-channel.ts';

/** Buffers that the host has for a poll, of 2048 bytes. */
const BUFFERS = 16;

export const MAC: readonly number[] = [0x00, 0x15, 0x5d, 0x01, 0x02, 0x03];

export interface TakenFrame {
  readonly bytes: readonly number[];
  readonly tci: number;
}

export interface Bench {
  readonly machine: Machine;
  readonly clock: VirtualClock;
  readonly executor: DeterministicExecutor;
  readonly segment: MemorySegment;
  readonly control: ChannelControl;
  readonly layout: ReturnType<typeof layoutGuest>;
  /** Frames the guest has taken. */
  readonly received: TakenFrame[];
  /** Frames the host has taken. */
  readonly sent: TakenFrame[];
  /** Set to true: the guest takes no frames. */
  holdBack: boolean;
  /** Set to false: the guest's agent does nothing at all. */
  guestRuns: boolean;
  /** Where the host puts frames of the guest; -1 while it has no buffers. */
  hostBuffer: number;
  guest(): ChannelGuest;
  /** A new data path of the open channel. */
  host(): ChannelHost;
  open(): ChannelHost;
  /** Polls the channel: frames go to {@link sent}. As {@link ChannelHost.poll}. */
  poll(host: ChannelHost, budget: number): boolean;
  /** Copies frames into the channel as one batch; how many were delivered. */
  deliver(host: ChannelHost, frames: readonly TakenFrame[]): number;
  /** Polls until there is nothing more. */
  pollAll(host: ChannelHost): void;
}

export interface BenchOptions {
  readonly layout?: GuestLayoutOptions;
  readonly control?: Partial<ChannelControlOptions>;
  readonly seed?: number;
  /** Pages behind the layout; default 1. */
  readonly extraPages?: number;
}

export function createBench(options: BenchOptions = {}): Bench {
  const clock = createVirtualClock();
  const machine = createMachine({
    hostMemoryBytes: 1 << 16,
    processors: 1,
    agents: ['vm:a'],
    dropReasons: [],
    clock,
  });
  const layout = layoutGuest(options.layout);
  // A page behind the layout, to notice writes beyond it.
  const segment = machine.memory.addSegment('vm:a', layout.end + 4096 * (options.extraPages ?? 1));
  const control = createChannelControl(machine, {
    channel: 1,
    segment: segment.id,
    guestAgent: machine.agent('vm:a'),
    macAddress: MAC,
    ...options.control,
  });
  let guest: ChannelGuest | null = null;
  const received: TakenFrame[] = [];
  const sent: TakenFrame[] = [];
  const guestHandler: HostFrameHandler = {
    frame(offset, length, tci) {
      if (bench.holdBack) return false;
      received.push({ bytes: [...segment.u8.subarray(offset, offset + length)], tci });
      return true;
    },
  };
  const makeGuest = (context: AgentContext): Agent => {
    const channel = createChannelGuest(context, {
      segment: segment.id,
      messages: control.messages,
      ...(options.layout && { layout: options.layout }),
    });
    guest = channel;
    return {
      step: () => bench.guestRuns && channel.poll(guestHandler, 16),
      refresh: () => {},
    };
  };
  const executor = createDeterministicExecutor(machine, clock, {
    factories: { guest: makeGuest },
    seed: options.seed ?? 1,
  });
  const frames = new GuestFrameBatch(64);
  const bench: Bench = {
    machine,
    clock,
    executor,
    segment,
    control,
    layout,
    received,
    sent,
    holdBack: false,
    guestRuns: true,
    hostBuffer: 0,
    guest() {
      if (guest === null) throw new Error('no guest yet');
      return guest;
    },
    host: () => createChannelHost({ machine, trace: null }, control.image()),
    open() {
      control.offer();
      if (!executor.runUntil(() => control.poll())) throw new Error(`handshake ended ${control.phase}`);
      executor.runUntilIdle();
      return bench.host();
    },
    poll(host, budget) {
      frames.count = 0;
      frames.bufferCount = bench.hostBuffer < 0 ? 0 : BUFFERS;
      // The last one is taken first.
      frames.buffers = Int32Array.from(
        { length: BUFFERS },
        (_, i) => bench.hostBuffer + (BUFFERS - 1 - i) * 2048,
      );
      const more = host.poll(frames, budget);
      const { u8 } = machine.memory.host;
      for (let i = 0; i < frames.count; i++) {
        const entry = i << GUEST_ENTRY_SHIFT;
        const at = frames.entries[entry + GUEST_ENTRY_AT];
        const length = frames.entries[entry + GUEST_ENTRY_LENGTH];
        sent.push({ bytes: [...u8.subarray(at, at + length)], tci: frames.entries[entry + GUEST_ENTRY_TCI] });
      }
      return more;
    },
    deliver(host, frames) {
      if (!host.beginBatch(frames.length)) return 0;
      for (const { bytes, tci } of frames) {
        const section = host.nextSection();
        if (section < 0) break;
        segment.u8.set(bytes, host.frameOffset(section));
        host.commit(section, bytes.length, tci);
      }
      return host.endBatch();
    },
    pollAll(host) {
      for (let n = 0; n < 10_000 && bench.poll(host, 64); n++);
    },
  };
  executor.start([{ name: 'vm:a', factory: 'guest', data: null }]);
  return bench;
}

/** A frame of `length` bytes whose content says which one it is. */
export function frame(number: number, length: number, tci: number = 0): TakenFrame {
  return { bytes: Array.from({ length }, (_, i) => (number * 31 + i * 7) & 0xff), tci };
}
