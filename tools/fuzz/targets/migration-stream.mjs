// The bytes in which a VM comes from another host: damaged anywhere, or damaged inside with a checksum that is right; in
// pieces of any size. And the judgement of the channel that such a stream brings along.
import { edge, mutate, noise, putU32 } from '../bytes.mjs';
import { digest, Guard } from '../guard.mjs';

const NAMES = new Set([
  'magic',
  'version',
  'kind',
  'sequence',
  'length',
  'checksum',
  'description',
  'pages',
  'truncated',
]);
const HEADER = 20;

const VM = {
  name: 'web',
  mac: '00-15-5D-00-00-01',
  vlan: 0,
  vmqWeight: 100,
  allowMacSpoofing: false,
  addresses: ['10.0.0.1'],
  answer: true,
};
const PORT = {
  vlan: { mode: 'trunk', native: 1, vlans: [1, 2], prune: [2] },
  allowMacSpoofing: false,
  allowTeaming: false,
  vmqWeight: 100,
  preserveVlan: false,
  preservePriority: false,
};

export const migrationStream = {
  name: 'migration-stream',
  about: 'the decoder of a live migration',
  modules: {
    decoder: 'host/migration-decoder',
    stream: 'host/migration-stream',
    description: 'host/migration-description',
    sizing: 'host/sizing',
  },
  perSession: 2000,
  open({ decoder, stream, description, sizing }, random, note) {
    const guard = new Guard(random);
    const layout = description.completeLayout({ receiveSections: 16, sendSections: 4 });
    const hello = { vm: VM, number: 3, memoryBytes: sizing.guestMemoryBytes(layout), layout, port: PORT };
    const pagesOf = (numbers) => ({
      numbers: Uint32Array.from(numbers),
      bytes: Uint8Array.from({ length: numbers.length * 4096 }, (_, i) => i * 31),
    });
    const ring = { offset: 4096, dataBytes: 65_536 };
    const buffer = { offset: 0, sectionSize: 2112, sectionCount: 4 };
    const channel = {
      toGuest: ring,
      toHost: ring,
      receive: buffer,
      send: buffer,
      maxFrameBytes: 1514,
      stateSections: 16,
    };
    const state = {
      memoryCrc: 0xdead_beef,
      channel: { ...channel, ndisVersion: 0x6001e },
      channelState: new Uint8Array(77).buffer,
      statistics: Float64Array.from([1, 2.5, 2 ** 40]),
      pages: pagesOf([]),
    };
    const encoder = new stream.MigrationEncoder();
    const messages = [encoder.hello(hello), encoder.pages(1, pagesOf([])), encoder.state(state)];
    const alone = [
      new stream.MigrationEncoder().hello(hello),
      new stream.MigrationEncoder().pages(1, pagesOf([3])),
      new stream.MigrationEncoder().state(state),
      new stream.MigrationEncoder().pages(1, pagesOf([])),
    ];
    const read = (pieces) => {
      const reader = new decoder.MigrationDecoder();
      const messages = pieces.flatMap((piece) => reader.push(piece));
      reader.end();
      return { messages, refusal: reader.refusal };
    };
    const cut = (random, bytes) => {
      const pieces = [];
      for (let at = 0; at < bytes.length; ) {
        const length = random.once(3) ? bytes.length : 1 + random.below(200);
        pieces.push(bytes.subarray(at, at + length));
        at += length;
      }
      return pieces;
    };
    /** One message whose body is damaged and whose head and checksum are right all the same, or nearly. */
    const resealed = (random) => {
      // Whole pages seldom: they are long and there is little to get wrong in them.
      const which = random.once(16) ? 1 : random.pick([0, 2, 3]);
      const valid = alone[which];
      const kind = which === 3 ? 2 : which + 1;
      const body = mutate(random, valid.subarray(HEADER), alone[random.pick([0, 2])], 8192);
      const bytes = stream.migrationMessage(random.once(16) ? random.below(6) : kind, 0, [body]);
      if (random.once(16)) {
        putU32(bytes, random.pick([0, 4, 8, 12, 16]), edge(random), true);
        putU32(bytes, 16, stream.checksumOf(bytes), true);
      }
      return bytes;
    };
    /** A description with something else in one place: JSON that is JSON. */
    const rewritten = (random) => {
      const copy = JSON.parse(JSON.stringify(hello));
      let at = copy;
      for (;;) {
        const key = random.pick(Object.keys(at));
        if (
          typeof at[key] === 'object' &&
          at[key] !== null &&
          Object.keys(at[key]).length > 0 &&
          !random.once(4)
        ) {
          at = at[key];
          continue;
        }
        const value = random.pick([
          null,
          true,
          -1,
          0.5,
          1e300,
          edge(random),
          '',
          'x',
          [],
          {},
          [1],
          4095,
          undefined,
        ]);
        if (random.once(8)) at.another = value;
        else at[key] = value;
        break;
      }
      return stream.migrationMessage(1, 0, [new TextEncoder().encode(JSON.stringify(copy))]);
    };
    return {
      one(random) {
        const how = random.below(8);
        let bytes;
        if (how === 0) bytes = noise(random, 300);
        else if (how < 3) {
          const whole = new Uint8Array(messages.reduce((sum, { length }) => sum + length, 0));
          let at = 0;
          for (const message of messages) {
            whole.set(message, at);
            at += message.length;
          }
          bytes = mutate(random, whole, whole, 16_384);
        } else bytes = how < 6 ? resealed(random) : rewritten(random);
        note(bytes);
        const { messages: found, refusal } = guard.ask(bytes, (view) => read([view]));
        const again = random.once(4) ? read(cut(random, bytes)) : { messages: found, refusal };
        if (digest([again.messages, again.refusal?.name]) !== digest([found, refusal?.name]))
          throw new Error('in pieces it reads otherwise');
        if (refusal === null)
          return found.length === 0 ? 'nothing' : `read: ${found.map(({ kind }) => kind).join(' ')}`;
        if (!NAMES.has(refusal.name) || refusal.reason === '')
          throw new Error(`a refusal without a name: ${JSON.stringify(refusal)}`);
        return `refused: ${refusal.name}`;
      },
    };
  },
};
