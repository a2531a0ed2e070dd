// Every structure and revision of @vmq/abi, decoded as NDIS 6.20 and as 6.30.
import { readFileSync } from 'node:fs';
import { fromHex, mutate, noise } from '../bytes.mjs';
import { digest, Guard } from '../guard.mjs';

const goldens = JSON.parse(
  readFileSync(new URL('../../../packages/abi/data/golden-buffers.json', import.meta.url), 'utf8'),
).buffers.map(({ struct, hex }) => ({ struct, bytes: fromHex(hex) }));

const REASONS = new Set(['short', 'bad-header', 'bad-revision', 'bad-offset', 'bad-stride', 'bad-string']);

/** Valid buffers of a codec: the golden ones, and one of zeros of each revision. */
function corpusOf(codec) {
  const corpus = goldens.filter(({ struct }) => struct === codec.name).map(({ bytes }) => bytes);
  // The one structure whose value is no object of members.
  const zeros = codec.name === 'IF_COUNTED_STRING' ? '' : {};
  for (const { revision } of codec.layout.revisions) corpus.push(codec.encode(zeros, { revision }));
  return corpus;
}

export const abiDecoders = {
  name: 'abi-decoders',
  about: 'every structure and revision of @vmq/abi',
  modules: { abi: 'abi/index', byName: 'abi/names/codec-by-name' },
  perSession: 5000,
  open({ abi, byName }, random, note) {
    const guard = new Guard(random);
    const codecs = byName.structNames().map((name) => byName.codecOf(name));
    const corpora = codecs.map(corpusOf);
    return {
      one(random) {
        const which = random.below(codecs.length);
        const codec = codecs[which];
        const valid = random.pick(corpora[random.once(16) ? random.below(codecs.length) : which]);
        let bytes;
        if (random.once(8)) {
          bytes = noise(random, 1400);
          if (random.once(2) && bytes.length >= 4)
            bytes.set([codec.layout.headerType ?? 0x80, random.below(4)]);
        } else bytes = mutate(random, valid, random.pick(random.pick(corpora)));
        note(bytes);
        const ndis = random.once(2) ? 620 : 630;
        const result = guard.ask(bytes, (view) => codec.decode(view, { ndis }));
        if (result.ok) {
          if (!(result.bytesRead >= 0 && result.bytesRead <= bytes.length))
            throw new Error(`${codec.name}: ${result.bytesRead} bytes read of ${bytes.length}`);
          if (random.once(8)) {
            const again = codec.decode(codec.encode(result.value, { ndis }), { ndis });
            if (!again.ok) throw new Error(`${codec.name}: what was read does not encode`);
            if (digest(again.value) === 0) throw new Error('no digest');
          }
          return 'read';
        }
        const { reason, field, expected, found, bytesNeeded } = result.refusal;
        if (!REASONS.has(reason) || typeof field !== 'string' || expected === '' || found === '')
          throw new Error(`${codec.name}: a refusal without a name: ${JSON.stringify(result.refusal)}`);
        if (reason === 'short' ? !(bytesNeeded > bytes.length) : bytesNeeded !== undefined)
          throw new Error(`${codec.name}: ${reason} with bytesNeeded ${bytesNeeded} of ${bytes.length}`);
        const status = abi.refusalStatus(result.refusal);
        if (!abi.statusName(status).startsWith('NDIS_STATUS_'))
          throw new Error(`${codec.name}: status ${status}`);
        return `refused: ${reason}`;
      },
    };
  },
};
