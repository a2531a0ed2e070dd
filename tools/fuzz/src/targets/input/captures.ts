// pcap (both resolutions, both byte orders) and pcapng, whole and in chunks of any size; and what the command line
// does with each packet before a host sees it.
import {
  type CapturedPacket,
  type CaptureError,
  createCaptureReader,
  type NameRecord,
  readCapture,
} from '@vmq/capture';
import { VmDiscovery } from '../../../../../packages/cli/dist/replay/discover-vms.js';
import {
  noteLength,
  noteTime,
  refusePacket,
  storableSeconds,
} from '../../../../../packages/cli/dist/replay/frame-intake.js';
import { ProblemLog } from '../../../../../packages/cli/dist/replay/problem-log.js';
import { mutate, noise } from '../../bytes.ts';
import { digest, Guard } from '../../guard.ts';
import type { Chance, Instance, Note, Target } from '../../target.ts';
import { smallCaptures } from './small-captures.ts';

const CODES: ReadonlySet<string> = new Set([
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
const MAX_BLOCK_LENGTH = 1 << 16;

/** A packet as it was read: what the reader says of it, and its bytes. */
type Packet = readonly [description: readonly unknown[], data: Uint8Array];

/** Packets with their bytes, metadata, and what was wrong. */
interface Reading {
  readonly packets: readonly Packet[];
  readonly flaws: readonly CaptureError[];
  readonly error: CaptureError | null;
  readonly names: readonly NameRecord[];
}

const describe = (p: CapturedPacket): readonly unknown[] => [
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

function readWhole(bytes: Uint8Array): Reading {
  const names: NameRecord[] = [];
  const { packets, flaws, error } = readCapture(bytes, {
    maxBlockLength: MAX_BLOCK_LENGTH,
    onNames: (records) => names.push(...records),
  });
  return { packets: packets.map((p) => [describe(p), p.data]), flaws, error, names };
}

function readChunked(bytes: Uint8Array, chunk: number): Reading {
  const names: NameRecord[] = [];
  const flaws: CaptureError[] = [];
  const packets: Packet[] = [];
  const reader = createCaptureReader({
    maxBlockLength: MAX_BLOCK_LENGTH,
    onNames: (records) => names.push(...records),
    onFlaw: (flaw) => flaws.push(flaw),
  });
  for (let at = 0; at < bytes.length; at += chunk) {
    if (!reader.push(bytes.subarray(at, at + chunk))) break;
    for (let p = reader.next(); p !== null; p = reader.next()) packets.push([describe(p), p.data.slice()]);
  }
  return { packets, flaws, error: reader.end(), names };
}

/** What the first pass of `vmq replay` does with the packets. */
function asCommandLine(bytes: Uint8Array): void {
  const discovery = new VmDiscovery();
  const problems = new ProblemLog();
  const reader = createCaptureReader();
  reader.push(bytes);
  for (let p = reader.next(); p !== null; p = reader.next()) {
    const length = p.frameLength;
    const refusal = refusePacket(p);
    if (refusal !== null) {
      if (refusal.message === '') throw new Error('a packet refused without a reason');
      continue;
    }
    discovery.see(p, length);
    noteLength(problems, p, length, 1514);
    noteTime(problems, p);
    if (!Number.isInteger(storableSeconds(p.seconds))) throw new Error(`second ${p.seconds}`);
  }
  for (const vm of discovery.choose(8)) if (!/^vm\d+$/.test(vm.name)) throw new Error(vm.name);
}

function checkNames({ flaws, error }: Reading, length: number): void {
  for (const wrong of error === null ? flaws : [...flaws, error]) {
    const { code, fileOffset, message } = wrong;
    if (!CODES.has(code) || !(fileOffset >= 0 && fileOffset <= length) || !/^byte \d+: ./.test(message))
      throw new Error(`an error without a name: ${JSON.stringify(wrong)}`);
  }
}

const digestOf = ({ packets, flaws, error, names }: Reading): number =>
  digest([packets, flaws, error, names]);

class Captures implements Instance {
  readonly #guard: Guard;
  readonly #corpus = smallCaptures();
  readonly #note: Note;

  constructor(random: Chance, note: Note) {
    this.#guard = new Guard(random);
    this.#note = note;
  }

  one(random: Chance): string {
    const bytes = random.once(12)
      ? noise(random, 500)
      : mutate(random, random.pick(this.#corpus), random.pick(this.#corpus));
    this.#note(bytes);
    const whole = this.#guard.ask(bytes, readWhole);
    const chunk = random.once(4) ? 1 : 1 + random.below(bytes.length + 1);
    if (digestOf(readChunked(bytes, chunk)) !== digestOf(whole))
      throw new Error(`in chunks of ${chunk} bytes it reads otherwise`);
    const room = whole.packets.reduce((sum, [, data]) => sum + data.length, 0);
    if (room > bytes.length) throw new Error(`${room} bytes of packets in ${bytes.length}`);
    checkNames(whole, bytes.length);
    asCommandLine(bytes);
    return whole.error === null ? 'read' : `refused: ${whole.error.code}`;
  }
}

export const captures: Target = {
  name: 'captures',
  about: 'pcap and pcapng files, whole and in chunks; VM discovery over their packets',
  perSession: 2000,
  open: (random, note) => new Captures(random, note),
};
