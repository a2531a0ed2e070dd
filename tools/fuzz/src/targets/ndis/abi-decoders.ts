// Every structure and revision of @vmq/abi, decoded as NDIS 6.20 and as 6.30.
import { readFileSync } from 'node:fs';
import { type Refusal, refusalStatus, type StructCodec, statusName } from '@vmq/abi';
import {
  type AnyStruct,
  codecOf,
  structNames,
} from '../../../../../packages/abi/dist/names/codec-by-name.js';
import { fromHex, mutate, noise } from '../../bytes.ts';
import { digest, Guard } from '../../guard.ts';
import type { Chance, Instance, Note, Target } from '../../target.ts';

type Codec = StructCodec<AnyStruct>;

const GOLDEN_BUFFERS = new URL('../../../../../packages/abi/data/golden-buffers.json', import.meta.url);
interface GoldenFile {
  readonly buffers: readonly { readonly struct: string; readonly hex: string }[];
}
const goldens = (JSON.parse(readFileSync(GOLDEN_BUFFERS, 'utf8')) as GoldenFile).buffers.map(
  ({ struct, hex }) => ({ struct, bytes: fromHex(hex) }),
);

const REASONS: ReadonlySet<string> = new Set([
  'short',
  'bad-header',
  'bad-revision',
  'bad-offset',
  'bad-stride',
  'bad-string',
]);

const codecs: readonly Codec[] = structNames().map((name) => {
  const codec = codecOf(name);
  if (codec === undefined) throw new Error(`${name} has no codec`);
  return codec;
});

/** Valid buffers of a codec: the golden ones, and one of zeros of each revision. */
function corpusOf(codec: Codec): Uint8Array[] {
  const corpus = goldens.filter(({ struct }) => struct === codec.name).map(({ bytes }) => bytes);
  // The one structure whose value is no object of members.
  const zeros = (codec.name === 'IF_COUNTED_STRING' ? '' : {}) as Parameters<Codec['encode']>[0];
  for (const { revision } of codec.layout.revisions) corpus.push(codec.encode(zeros, { revision }));
  return corpus;
}

function checkRefusal(name: string, refusal: Refusal, given: number): string {
  const { reason, field, expected, found, bytesNeeded } = refusal;
  if (!REASONS.has(reason) || typeof field !== 'string' || expected === '' || found === '')
    throw new Error(`${name}: a refusal without a name: ${JSON.stringify(refusal)}`);
  const isSound =
    reason === 'short' ? bytesNeeded !== undefined && bytesNeeded > given : bytesNeeded === undefined;
  if (!isSound) throw new Error(`${name}: ${reason} with bytesNeeded ${bytesNeeded} of ${given}`);
  const status = refusalStatus(refusal);
  if (!statusName(status).startsWith('NDIS_STATUS_')) throw new Error(`${name}: status ${status}`);
  return `refused: ${reason}`;
}

class Decoders implements Instance {
  readonly #guard: Guard;
  readonly #corpora = codecs.map(corpusOf);
  readonly #note: Note;

  constructor(random: Chance, note: Note) {
    this.#guard = new Guard(random);
    this.#note = note;
  }

  #buffer(random: Chance, which: number): Uint8Array {
    const valid = random.pick(this.#corpora[random.once(16) ? random.below(codecs.length) : which]);
    if (!random.once(8)) return mutate(random, valid, random.pick(random.pick(this.#corpora)));
    const bytes = noise(random, 1400);
    if (random.once(2) && bytes.length >= 4)
      bytes.set([codecs[which].layout.headerType ?? 0x80, random.below(4)]);
    return bytes;
  }

  one(random: Chance): string {
    const which = random.below(codecs.length);
    const codec = codecs[which];
    const bytes = this.#buffer(random, which);
    this.#note(bytes);
    const ndis = random.once(2) ? 620 : 630;
    const result = this.#guard.ask(bytes, (view) => codec.decode(view, { ndis }));
    if (!result.ok) return checkRefusal(codec.name, result.refusal, bytes.length);
    if (!(result.bytesRead >= 0 && result.bytesRead <= bytes.length))
      throw new Error(`${codec.name}: ${result.bytesRead} bytes read of ${bytes.length}`);
    if (random.once(8)) {
      const again = codec.decode(codec.encode(result.value, { ndis }), { ndis });
      if (!again.ok) throw new Error(`${codec.name}: what was read does not encode`);
      if (digest(again.value) === 0) throw new Error('no digest');
    }
    return 'read';
  }
}

export const abiDecoders: Target = {
  name: 'abi-decoders',
  about: 'every structure and revision of @vmq/abi',
  perSession: 5000,
  open: (random, note) => new Decoders(random, note),
};
