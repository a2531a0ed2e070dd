// Header views, walks, checksums and summaries of @vmq/wire over frames as a wire or a guest sends them.
import {
  ArpView,
  EthernetView,
  etherTypeOf,
  FrameLayout,
  IcmpView,
  Ipv4View,
  Ipv6ExtensionWalk,
  Ipv6View,
  isTagged,
  linkHeaderLength,
  NeighbourOptionWalk,
  NeighbourView,
  OptionWalk,
  RSS_KEY_LENGTH,
  summarize,
  TcpView,
  ToeplitzTable,
  UdpView,
  verifyFrameChecksums,
  vlanIdOf,
} from '@vmq/wire';
import { mutate, noise } from '../../bytes.ts';
import { Guard } from '../../guard.ts';
import type { Chance, Instance, Note, Target } from '../../target.ts';
import { wireFrames } from './wire-frames.ts';

const VIEWS = [EthernetView, ArpView, Ipv4View, Ipv6View, IcmpView, NeighbourView, UdpView, TcpView] as const;
type View = InstanceType<(typeof VIEWS)[number]>;

/** A view and the names of its getters. */
interface NamedView {
  readonly name: string;
  readonly view: View;
  readonly getters: readonly string[];
}

const namedViews = (): NamedView[] =>
  VIEWS.map((View) => ({
    name: View.name,
    view: new View(),
    getters: Object.entries(Object.getOwnPropertyDescriptors(View.prototype))
      .filter(([, { get }]) => get !== undefined)
      .map(([key]) => key),
  }));

/** Every getter's value of a view that has been judged sound. */
const fieldsOf = ({ view, getters }: NamedView): unknown[] =>
  getters.map((name): unknown => {
    const value: unknown = Reflect.get(view, name);
    const isPlace = name.endsWith('Offset') && name !== 'fragmentOffset';
    return isPlace && typeof value === 'number' ? value - view.offset : value;
  });

/** Numbers of an object; those that are places count from `offset`. */
const relative = (found: object, offset: number): number[] =>
  Object.entries(found)
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .map(([key, value]) => (key.endsWith('Offset') ? value - offset : value));

/** What walks options or headers one after the other. */
interface Walk {
  next(): boolean;
  readonly dataOffset: number;
  readonly dataLength: number;
  readonly broken: boolean;
}

function walk(
  walker: Walk & ({ readonly kind: number } | { readonly type: number }),
  end: number,
  most: number,
) {
  const seen: unknown[] = [];
  for (let steps = 1; walker.next(); steps++) {
    const { dataOffset, dataLength } = walker;
    if (dataLength < 0 || dataOffset + dataLength > end) throw new Error(`an option of ${dataLength} bytes`);
    seen.push('type' in walker ? walker.type : walker.kind, dataLength);
    if (steps > most) throw new Error(`${walker.constructor.name} took more than ${most} steps`);
  }
  return [...seen, walker.broken];
}

/** What is asked about `length` bytes at `offset`; `choice` is a number to choose by. */
type Question = (bytes: Uint8Array, offset: number, length: number, choice: number) => unknown;

function askView({ name, view, getters }: NamedView, bytes: Uint8Array, offset: number, length: number) {
  const refusal: unknown = view.checked(bytes, offset, length);
  if (refusal !== null) {
    if (typeof refusal !== 'string' || refusal === '') throw new Error(`${name}: a refusal without a name`);
    return refusal;
  }
  const payloadOffset = 'payloadOffset' in view ? view.payloadOffset : offset;
  const payloadLength = 'payloadLength' in view ? view.payloadLength : 0;
  if (payloadLength < 0 || payloadOffset < offset || payloadOffset + payloadLength > offset + length)
    throw new Error(`${name}: ${payloadLength} bytes of payload at ${payloadOffset - offset} of ${length}`);
  return fieldsOf({ name, view, getters });
}

function questions(): Question[] {
  const views = namedViews();
  const layout = new FrameLayout();
  const options = new OptionWalk();
  const extensions = new Ipv6ExtensionWalk();
  const neighbours = new NeighbourOptionWalk();
  const toeplitz = new ToeplitzTable(new Uint8Array(RSS_KEY_LENGTH).fill(0x6d));
  return [
    (bytes, offset, length, choice) => askView(views[choice % views.length], bytes, offset, length),
    (bytes, offset, length) => relative(layout.of(bytes, offset, length), offset),
    (bytes, offset, length) => summarize(bytes, offset, length),
    (bytes, offset, length) => verifyFrameChecksums(bytes, layout.of(bytes, offset, length)),
    (bytes, offset, length) => [
      isTagged(bytes, offset, length),
      vlanIdOf(bytes, offset, length),
      etherTypeOf(bytes, offset, length),
      linkHeaderLength(bytes, offset, length),
    ],
    (bytes, offset, length) =>
      walk(options.start(bytes, offset, offset + length), offset + length, length + 1),
    (bytes, offset, length, choice) => {
      const end = extensions.walk(bytes, offset, length, [0, 43, 44, 51, 60, 135, 6][choice % 7]);
      if (extensions.length < 0) throw new Error(`an upper layer of ${extensions.length} bytes`);
      return [end, extensions.protocol, extensions.offset - offset, extensions.length, extensions.headers];
    },
    (bytes, offset, length) =>
      walk(neighbours.start(bytes, offset, offset + length), offset + length, length + 1),
    (bytes, offset, length) => toeplitz.hash(bytes, offset, Math.min(length, 36)),
  ];
}

/** Behind the Ethernet header and behind IP: where the inner views and the walks begin. */
const STARTS = [0, 0, 14, 18, 34, 38, 54, 58, 62];

class Views implements Instance {
  readonly #guard: Guard;
  readonly #corpus = wireFrames();
  readonly #questions = questions();
  readonly #note: Note;

  constructor(random: Chance, note: Note) {
    this.#guard = new Guard(random);
    this.#note = note;
  }

  one(random: Chance): string {
    let bytes = random.once(6)
      ? noise(random, 200)
      : mutate(random, random.pick(this.#corpus), random.pick(this.#corpus));
    const which = random.below(this.#questions.length);
    const choice = random.next();
    if (which === 0 || which > 4) bytes = bytes.subarray(random.pick(STARTS));
    this.#note(bytes);
    const answer = this.#guard.askAt(bytes, (all, offset, length) =>
      this.#questions[which](all, offset, length, choice),
    );
    return which === 0 && typeof answer === 'string' ? `refused: ${answer}` : 'answered';
  }
}

export const wireViews: Target = {
  name: 'wire-views',
  about: 'header views, walks, checksums and summaries of @vmq/wire',
  perSession: 10_000,
  open: (random, note) => new Views(random, note),
};
