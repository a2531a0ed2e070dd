import { describe, expect, test } from 'vitest';
import type { SavedChannel } from '../src/control/channel-control.ts';
import { createChannelControl } from '../src/control/control-path.ts';
import { refusalOfSavedChannel } from '../src/control/saved-channel.ts';
import { createChannelGuest } from '../src/guest/guest-channel.ts';
import { createChannelHost } from '../src/host/host-channel.ts';
import { createBench, frame, MAC, type TakenFrame } from './test-bench.test-support.ts';

describe('a channel that moves to another host with its VM', () => {
  test('MIG-03 completions for frames of the old host end at the new one', () => {
    const old = createBench();
    const oldHost = old.open();
    old.pollAll(oldHost);
    old.guestRuns = false;
    const frames = [frame(0, 60), frame(1, 900), frame(2, 1514)];
    expect(old.deliver(oldHost, frames)).toBe(3);
    const saved = old.control.save(() => old.executor.publish()) as SavedChannel;
    expect(old.control.phase).toBe('closed');
    expect(old.deliver(oldHost, [frame(9, 60)])).toBe(0);

    const target = createBench();
    const segment = target.machine.memory.addSegment('vm:moved', old.segment.byteLength);
    segment.u8.set(old.segment.u8);
    const control = createChannelControl(target.machine, {
      channel: 8,
      segment: segment.id,
      guestAgent: target.machine.agent('vm:a'),
      macAddress: MAC,
      saved: structuredClone(saved),
    });
    const host = createChannelHost({ machine: target.machine, trace: null }, control.image());
    expect(control.report()).toMatchObject({ phase: 'open', outstandingMessages: 1, freeSections: 509 });
    const received: TakenFrame[] = [];
    const guest = createChannelGuest(target, { segment: segment.id, messages: control.messages });
    expect(guest.isOpen).toBe(true);
    expect(guest.maxFrameBytes).toBe(1514);
    const handler = {
      frame(offset: number, length: number, tci: number) {
        received.push({ bytes: [...segment.u8.subarray(offset, offset + length)], tci });
        return true;
      },
    };
    while (guest.poll(handler, 16));
    expect(received).toEqual(frames);
    while (target.poll(host, 16));
    expect(control.report()).toMatchObject({ outstandingMessages: 0, freeSections: 512, violations: {} });

    // And traffic goes on, both ways.
    expect(host.beginBatch(1)).toBe(true);
    const section = host.nextSection();
    segment.u8.set(frame(4, 77).bytes, host.frameOffset(section));
    host.commit(section, 77, 0);
    expect(host.endBatch()).toBe(1);
    while (guest.poll(handler, 16));
    expect(received.at(-1)).toEqual(frame(4, 77));
    segment.u8.set(frame(5, 80).bytes, guest.reserveSend());
    guest.commitSend(80, 0);
    guest.flush();
    while (target.poll(host, 16));
    expect(target.sent).toEqual([frame(5, 80)]);
  });

  test('SEC-10 a channel from another host is judged before anything is built on it', () => {
    const old = createBench();
    const host = old.open();
    old.pollAll(host);
    old.guestRuns = false;
    old.deliver(host, [frame(0, 60), frame(1, 900), frame(2, 1514)]);
    const saved = old.control.save(() => old.executor.publish()) as SavedChannel;
    const memory = old.segment.byteLength;
    expect(refusalOfSavedChannel(saved, memory)).toBeNull();
    // Each of its words, changed: refused with a reason or still sound, and never an exception.
    let refused = 0;
    for (let at = 0; at < saved.state.byteLength; at += 4) {
      for (const value of [-1, 7, 0x7fff_ffff]) {
        const state = saved.state.slice(0);
        new DataView(state).setInt32(at, value, true);
        if (refusalOfSavedChannel({ ...saved, state }, memory) !== null) refused++;
      }
    }
    expect(refused).toBeGreaterThan(3000);
    const wrong: Partial<typeof saved>[] = [
      { toGuest: { ...saved.toGuest, offset: saved.toGuest.offset + 8 } },
      { toHost: { ...saved.toHost, dataBytes: 1 << 30 } },
      { receive: { ...saved.receive, sectionCount: saved.receive.sectionCount + 64 } },
      { send: { ...saved.send, offset: memory } },
      { maxFrameBytes: 9000 },
      { stateSections: saved.stateSections - 1 },
      { state: saved.state.slice(4) },
    ];
    for (const change of wrong) expect(refusalOfSavedChannel({ ...saved, ...change }, memory)).toMatch(/./);
  });
});
