// pcap (both resolutions, both byte orders) and pcapng, whole and in chunks of any size; and what the command line
// does with each packet before a host sees it.
import { mutate, noise } from '../bytes.mjs';
import { digest, Guard } from '../guard.mjs';

const CODES = new Set([
  'empty',
  'not-a-capture',
  'compressed',
  'unsupported-version',
  'truncated',
  'bad-byte-order',
  'bad-block-length',
  'block-too-large',
  'bad-packet-length',
  'bad-interface',
  'too-many-interfaces',
  'bad-option',
  'bad-fcs-length',
  'bad-name-record',
]);

/** Small valid files with every kind of record and block. */
function files(capture) {
  const frame = Uint8Array.from({ length: 61 }, (_, i) => (i === 12 ? 0x81 : i === 13 ? 0 : i));
  const made = [];
  for (const bigEndian of [false, true]) {
    for (const nanoseconds of [false, true]) {
      const sink = capture.createMemorySink();
      const writer = capture.createPcapWriter({ sink, bigEndian, nanoseconds });
      for (let i = 0; i < 3; i++)
        writer.writePacket({ bytes: frame, capturedLength: 20 + i, seconds: i, nanoseconds: i * 1000 });
      writer.close();
      made.push(sink.bytes());
    }
    const sink = capture.createMemorySink();
    const writer = capture.createPcapngWriter({ sink, bigEndian, os: 'some', comments: ['c'] });
    writer.addInterface({ name: 'a', description: 'b', snapLength: 80 });
    const times = { seconds: 1, nanoseconds: 2 };
    writer.writePacket({
      bytes: frame,
      ...times,
      comments: ['one', 'two'],
      queue: 3,
      flags: 1,
      dropCount: 5,
    });
    writer.writeNames([{ address: Uint8Array.of(1, 2, 3, 4), names: ['x', 'yy'] }]);
    writer.addInterface({ linkType: 101 });
    writer.writePacket({ bytes: frame, capturedLength: 7, ...times, interfaceId: 1 });
    writer.writeStatistics(0, { ...times, received: 2 });
    writer.close();
    const whole = sink.bytes();
    made.push(whole);
    // A simple packet and an obsolete packet, which the writer does not write.
    const tail = new DataView(new ArrayBuffer(60));
    const words = [3, 24, 8, 0x01020304, 0x05060708, 24, 2, 36, 0, 0, 0, 3, 3, 0x11223344, 36];
    for (const [i, word] of words.entries()) tail.setUint32(i * 4, word, !bigEndian);
    const both = new Uint8Array(whole.length + 60);
    both.set(whole);
    both.set(new Uint8Array(tail.buffer), whole.length);
    made.push(both);
  }
  return made;
}

const describe = (p) => [
  p.index,
  p.fileOffset,
  p.sectionIndex,
  p.interfaceId,
  p.linkType,
  p.hasTimestamp,
  p.seconds,
  p.nanoseconds,
  p.capturedLength,
  p.originalLength,
  p.comments,
  p.flags,
  p.queue,
  p.dropCount,
];

export const captures = {
  name: 'captures',
  about: 'pcap and pcapng files, whole and in chunks; VM discovery over their packets',
  modules: {
    capture: 'capture/index',
    discover: 'cli/replay/discover-vms',
    intake: 'cli/replay/frame-intake',
    log: 'cli/replay/problem-log',
  },
  perSession: 2000,
  open({ capture, discover, intake, log }, random, note) {
    const guard = new Guard(random);
    const corpus = files(capture);
    /** Packets with their bytes, metadata, and what was wrong. */
    const readWhole = (bytes) => {
      const names = [];
      const { packets, flaws, error } = capture.readCapture(bytes, {
        maxBlockLength: 1 << 16,
        onNames: (records) => names.push(...records),
      });
      return { packets: packets.map((p) => [describe(p), p.data]), flaws, error, names };
    };
    const readChunked = (bytes, chunk) => {
      const names = [];
      const flaws = [];
      const reader = capture.createCaptureReader({
        maxBlockLength: 1 << 16,
        onNames: (records) => names.push(...records),
        onFlaw: (flaw) => flaws.push(flaw),
      });
      const packets = [];
      for (let at = 0; at < bytes.length; at += chunk) {
        if (!reader.push(bytes.subarray(at, at + chunk))) break;
        for (let p = reader.next(); p !== null; p = reader.next())
          packets.push([describe(p), p.data.slice()]);
      }
      return { packets, flaws, error: reader.end(), names };
    };
    /** What the first pass of `vmq replay` does with the packets. */
    const asCommandLine = (bytes) => {
      const discovery = new discover.VmDiscovery();
      const problems = new log.ProblemLog();
      const reader = capture.createCaptureReader();
      reader.push(bytes);
      for (let p = reader.next(); p !== null; p = reader.next()) {
        const length = p.frameLength;
        const refusal = intake.refusePacket(p);
        if (refusal !== null) {
          if (refusal.message === '') throw new Error('a packet refused without a reason');
          continue;
        }
        discovery.see(p, length);
        intake.noteLength(problems, p, length, 1514);
        intake.noteTime(problems, p);
        if (!Number.isInteger(intake.storableSeconds(p.seconds))) throw new Error(`second ${p.seconds}`);
      }
      for (const vm of discovery.choose(8)) if (!/^vm\d+$/.test(vm.name)) throw new Error(vm.name);
    };
    return {
      one(random) {
        const bytes = random.once(12)
          ? noise(random, 500)
          : mutate(random, random.pick(corpus), random.pick(corpus));
        note(bytes);
        const { packets, flaws, error, names } = guard.ask(bytes, readWhole);
        const chunk = random.once(4) ? 1 : 1 + random.below(bytes.length + 1);
        const again = readChunked(bytes, chunk);
        const whole = digest([packets, flaws, error, names]);
        if (digest([again.packets, again.flaws, again.error, again.names]) !== whole)
          throw new Error(`in chunks of ${chunk} bytes it reads otherwise`);
        let room = 0;
        for (const [, data] of packets) room += data.length;
        if (room > bytes.length) throw new Error(`${room} bytes of packets in ${bytes.length}`);
        for (const wrong of error === null ? flaws : [...flaws, error]) {
          const { code, fileOffset, message } = wrong;
          if (
            !CODES.has(code) ||
            !(fileOffset >= 0 && fileOffset <= bytes.length) ||
            !/^byte \d+: ./.test(message)
          )
            throw new Error(`an error without a name: ${JSON.stringify(wrong)}`);
        }
        asCommandLine(bytes);
        return error === null ? 'read' : `refused: ${error.code}`;
      },
    };
  },
};
