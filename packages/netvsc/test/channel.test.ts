import { describe, expect, test } from 'vitest';
import { createBench, frame, MAC } from './test-bench.test-support.ts';

describe('a channel, from offer to close', () => {
  test('the handshake opens it and tells the guest its address and frame size', () => {
    const bench = createBench();
    expect(bench.control.phase).toBe('closed');
    bench.open();
    expect(bench.control.phase).toBe('open');
    const guest = bench.guest();
    expect(guest.isOpen).toBe(true);
    expect(guest.maxFrameBytes).toBe(1514);
    const mac = [0, 8, 16, 24].map((s) => (guest.macLow >>> s) & 0xff);
    expect([...mac, guest.macHigh & 0xff, guest.macHigh >>> 8]).toEqual(MAC);
    expect(bench.control.ndisVersion).toBe((6 << 16) | 30);
    const report = bench.control.report();
    expect(report.violations).toEqual({});
    expect(report.packetFilter).toBe(0x0d);
    expect(report.outstandingMessages).toBe(1); // the reply to the last request, completed when polled
    bench.pollAll(bench.host());
    expect(bench.control.report()).toMatchObject({ outstandingMessages: 0, freeSections: 512 });
  });

  test('SW-11 one message carries a whole batch; frames, tags and order arrive as they were', () => {
    const bench = createBench();
    const host = bench.open();
    const before = bench.control.report().messagesToGuest;
    const frames = [60, 61, 64, 1514, 14, 777].map((length, i) => frame(i, length, i & 1 ? 0x2064 + i : 0));
    expect(bench.deliver(host, frames)).toBe(frames.length);
    bench.executor.runUntilIdle();
    expect(bench.received).toEqual(frames);
    expect(bench.control.report().messagesToGuest - before).toBe(1);
    bench.pollAll(host);
    expect(bench.control.report()).toMatchObject({ outstandingMessages: 0, freeSections: 512 });
  });

  test('SW-11 a section that had a frame with a tag, of any value, says nothing of it with the next one', () => {
    const bench = createBench({ layout: { receiveSections: 8 }, control: { receiveSections: 8 } });
    const host = bench.open();
    bench.pollAll(host);
    const tags = [1, 0, 0x0fff, 0, 0x1000, 0, 0x8000, 0];
    // Each tag in all sections, so that the next one comes to lie where it was.
    const frames = tags.flatMap((tci, round) =>
      Array.from({ length: 8 }, (_, i) => frame(round * 8 + i, 60, tci)),
    );
    for (let at = 0; at < frames.length; at += 8) {
      expect(bench.deliver(host, frames.slice(at, at + 8))).toBe(8);
      bench.executor.runUntilIdle();
      bench.pollAll(host);
    }
    expect(bench.received).toEqual(frames);
  });

  test('frames of the guest come out as they went in, and its sections come back', () => {
    const bench = createBench();
    const host = bench.open();
    bench.hostBuffer = 4096;
    const guest = bench.guest();
    const frames = Array.from({ length: 64 }, (_, i) => frame(i, 14 + i * 20, i % 3 === 0 ? 0xe000 | i : 0));
    for (const { bytes, tci } of frames) {
      const at = guest.reserveSend();
      expect(at % 64).toBe(0);
      bench.segment.u8.set(bytes, at);
      guest.commitSend(bytes.length, tci);
    }
    expect(guest.freeSendSections).toBe(0);
    expect(guest.reserveSend()).toBe(-1);
    guest.flush();
    bench.pollAll(host);
    expect(bench.sent).toEqual(frames);
    bench.executor.runUntilIdle();
    expect(guest.freeSendSections).toBe(64);
    expect(bench.control.report().violations).toEqual({});
  });

  test('a host without buffers leaves the frames in the ring, in order', () => {
    const bench = createBench();
    const host = bench.open();
    const guest = bench.guest();
    for (let i = 0; i < 3; i++) {
      bench.segment.u8.set(frame(i, 100).bytes, guest.reserveSend());
      guest.commitSend(100, 0);
    }
    guest.flush();
    bench.hostBuffer = -1;
    expect(bench.poll(host, 64)).toBe(true);
    expect(bench.sent).toEqual([]);
    bench.hostBuffer = 0;
    expect(bench.poll(host, 64)).toBe(false);
    expect(bench.sent).toEqual([frame(0, 100), frame(1, 100), frame(2, 100)]);
  });

  test('a guest that completes nothing runs out of sections; what it completes can be used again', () => {
    const bench = createBench({ layout: { receiveSections: 8 }, control: { receiveSections: 8 } });
    const host = bench.open();
    bench.pollAll(host);
    bench.holdBack = true;
    const frames = Array.from({ length: 10 }, (_, i) => frame(i, 200));
    expect(bench.deliver(host, frames)).toBe(8);
    expect(host.refusal).toBe(0);
    bench.executor.runUntilIdle();
    expect(bench.guest().isHeldBack).toBe(true);
    expect(bench.deliver(host, [frame(9, 60)])).toBe(0);
    bench.holdBack = false;
    bench.machine.board.wake(bench.machine.agent('vm:a'));
    bench.executor.runUntilIdle();
    expect(bench.received).toEqual(frames.slice(0, 8));
    bench.pollAll(host);
    expect(bench.control.report().freeSections).toBe(8);
    expect(bench.deliver(host, frames.slice(8))).toBe(2);
  });

  test('a full ring delivers the first frames of a batch, gives the other sections back and says why', () => {
    const bench = createBench({ layout: { ringBytes: 4096 } });
    const host = bench.open();
    bench.pollAll(host);
    bench.guestRuns = false;
    let delivered = 0;
    let last = 0;
    for (let n = 0; n < 200; n++) {
      last = bench.deliver(host, [frame(0, 60), frame(1, 60), frame(2, 60)]);
      delivered += last;
      if (last < 3) break;
    }
    expect(last).toBeLessThan(3);
    expect(host.refusal).toBe(1);
    const report = bench.control.report();
    expect(report.freeSections).toBe(512 - delivered);
    bench.guestRuns = true;
    bench.machine.board.wake(bench.machine.agent('vm:a'));
    bench.executor.runUntilIdle();
    expect(bench.received.length).toBe(delivered);
    // The guest's completions do not fit its own small ring at once; host and guest work it off together.
    for (let n = 0; n < 20; n++) {
      bench.pollAll(host);
      bench.executor.runUntilIdle();
    }
    expect(bench.control.report()).toMatchObject({ freeSections: 512, outstandingMessages: 0 });
  });

  test('a frame too long is a broken promise of the caller; unused sections go back', () => {
    const bench = createBench();
    const host = bench.open();
    bench.pollAll(host);
    expect(host.beginBatch(4)).toBe(true);
    const section = host.nextSection();
    expect(() => host.commit(section, 1523, 0)).toThrow(/1514 and 8 of tags/);
    expect(() => host.beginBatch(1)).toThrow(/inside a batch/);
    expect(host.endBatch()).toBe(0);
    expect(bench.control.report().freeSections).toBe(512);
  });

  test('the host closes: nothing passes, outstanding messages are told, and it can be opened again', () => {
    const bench = createBench();
    const host = bench.open();
    bench.pollAll(host);
    bench.guestRuns = false;
    expect(bench.deliver(host, [frame(0, 60)])).toBe(1);
    const last = bench.control.close(() => bench.executor.publish());
    expect(last).toMatchObject({ outstandingMessages: 1, framesToGuest: 1, phase: 'closed' });
    expect(bench.deliver(host, [frame(1, 60)])).toBe(0);
    expect(host.refusal).toBe(2);
    expect(bench.poll(host, 8)).toBe(false);
    bench.guestRuns = true;
    bench.machine.board.wake(bench.machine.agent('vm:a'));
    bench.executor.runUntilIdle();
    expect(bench.guest().isOpen).toBe(false);
    const again = bench.open();
    expect(bench.deliver(again, [frame(2, 60)])).toBe(1);
    bench.executor.runUntilIdle();
    expect(bench.received).toEqual([frame(2, 60)]);
    expect(host.isOpen).toBe(false); // the old data path stays closed for ever
  });

  test('the guest closes: the data path stops, the control path sees it, and it can be opened again', () => {
    const bench = createBench();
    const host = bench.open();
    bench.guest().close();
    expect(bench.poll(host, 8)).toBe(false);
    expect(host.isOpen).toBe(false);
    expect(bench.control.poll()).toBe(false);
    expect(bench.control.phase).toBe('closing');
    bench.control.close(() => bench.executor.publish());
    const again = bench.open();
    expect(bench.deliver(again, [frame(5, 90)])).toBe(1);
    bench.executor.runUntilIdle();
    expect(bench.received).toEqual([frame(5, 90)]);
  });

  test('the guest signals the processor it was told, once per batch, and not while the host looks', () => {
    const bench = createBench();
    const host = bench.open();
    bench.pollAll(host);
    bench.control.setSignalTarget(0, 40);
    const taken = (): number => bench.machine.board.takeVectors(0, 1);
    const guest = bench.guest();
    guest.reserveSend();
    guest.commitSend(60, 0);
    guest.reserveSend();
    guest.commitSend(60, 0);
    expect(taken()).toBe(0);
    guest.flush();
    expect(taken()).toBe(1 << 8);
    guest.reserveSend();
    guest.commitSend(60, 0);
    bench.poll(host, 1); // budget gone: the host will come back by itself
    guest.flush();
    expect(taken()).toBe(0);
    bench.pollAll(host);
    expect(bench.sent.length).toBe(3);
  });

  test('who polls the ring to its end lets the guest signal again, also where another had asked it not to', () => {
    const bench = createBench();
    const first = bench.open();
    bench.pollAll(first);
    const second = bench.host();
    bench.control.setSignalTarget(0, 40);
    const taken = (): number => bench.machine.board.takeVectors(0, 1);
    const guest = bench.guest();
    const send = (frames: number): void => {
      for (let i = 0; i < frames; i++) {
        guest.reserveSend();
        guest.commitSend(60, 0);
      }
      guest.flush();
    };
    send(3);
    expect(taken()).toBe(1 << 8);
    // Another processor polls for a while, means to come back, and does not: the channel is the first one's again.
    expect(bench.poll(second, 1)).toBe(true);
    send(1);
    expect(taken()).toBe(0);
    bench.pollAll(first);
    send(1);
    expect(taken()).toBe(1 << 8);
    bench.pollAll(first);
    expect(bench.sent.length).toBe(5);
  });

  test('a message of the guest is answered late when its ring is full, never lost', () => {
    const bench = createBench({ layout: { ringBytes: 4096, sendSections: 200 } });
    const host = bench.open();
    bench.pollAll(host);
    bench.executor.runUntilIdle();
    const guest = bench.guest();
    const sections = guest.freeSendSections;
    bench.guestRuns = false;
    while (bench.deliver(host, [frame(0, 60)]) === 1);
    let number = 0;
    for (let at = guest.reserveSend(); at >= 0; at = guest.reserveSend()) {
      bench.segment.u8.set(frame(number++, 60).bytes, at);
      guest.commitSend(60, 0);
    }
    guest.flush();
    bench.pollAll(host);
    expect(bench.sent.length).toBe(number);
    expect(guest.freeSendSections).toBe(sections - number);
    bench.guestRuns = true;
    bench.machine.board.wake(bench.machine.agent('vm:a'));
    for (let n = 0; n < 20; n++) {
      bench.executor.runUntilIdle();
      bench.pollAll(host);
    }
    expect(guest.freeSendSections).toBe(sections);
    expect(bench.control.report()).toMatchObject({ outstandingMessages: 0, freeSections: 512 });
  });
});
