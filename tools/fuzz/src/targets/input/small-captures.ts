// Small valid capture files with every kind of record and block, for the target of capture files.
import { createMemorySink, createPcapngWriter, createPcapWriter } from '@vmq/capture';

const FRAME = Uint8Array.from({ length: 61 }, (_, i) => (i === 12 ? 0x81 : i === 13 ? 0 : i));

export function smallCaptures(): Uint8Array[] {
  return [false, true].flatMap((bigEndian) => {
    const pcapng = pcapngOf(bigEndian);
    return [pcapOf(bigEndian, false), pcapOf(bigEndian, true), pcapng, withOldBlocks(pcapng, bigEndian)];
  });
}

function pcapOf(bigEndian: boolean, nanosecond: boolean): Uint8Array {
  const sink = createMemorySink();
  const writer = createPcapWriter({ sink, bigEndian, nanosecond });
  for (let i = 0; i < 3; i++)
    writer.writePacket({ bytes: FRAME, capturedLength: 20 + i, seconds: i, nanoseconds: i * 1000 });
  writer.close();
  return sink.bytes();
}

function pcapngOf(bigEndian: boolean): Uint8Array {
  const sink = createMemorySink();
  const writer = createPcapngWriter({ sink, bigEndian, os: 'some', comments: ['c'] });
  writer.addInterface({ name: 'a', description: 'b', snapLength: 80 });
  const times = { seconds: 1, nanoseconds: 2 };
  writer.writePacket({ bytes: FRAME, ...times, comments: ['one', 'two'], queue: 3, flags: 1, dropCount: 5 });
  writer.writeNames([{ address: Uint8Array.of(1, 2, 3, 4), names: ['x', 'yy'] }]);
  writer.addInterface({ linkType: 101 });
  writer.writePacket({ bytes: FRAME, capturedLength: 7, ...times, interfaceId: 1 });
  writer.writeStatistics(0, { ...times, received: 2 });
  writer.close();
  return sink.bytes();
}

/** Behind the file a simple packet and an obsolete packet, which the writer does not write. */
function withOldBlocks(whole: Uint8Array, bigEndian: boolean): Uint8Array {
  const tail = new DataView(new ArrayBuffer(60));
  const words = [3, 24, 8, 0x01020304, 0x05060708, 24, 2, 36, 0, 0, 0, 3, 3, 0x11223344, 36];
  for (const [i, word] of words.entries()) tail.setUint32(i * 4, word, !bigEndian);
  const both = new Uint8Array(whole.length + 60);
  both.set(whole);
  both.set(new Uint8Array(tail.buffer), whole.length);
  return both;
}
