// Header views, walks, checksums and summaries of @vmq/wire over frames as a wire or a guest sends them.
import { mutate, noise } from '../bytes.mjs';
import { Guard } from '../guard.mjs';

const VIEWS = [
  'EthernetView',
  'ArpView',
  'Ipv4View',
  'Ipv6View',
  'IcmpView',
  'NeighbourView',
  'UdpView',
  'TcpView',
];

/** Frames that each parser follows to its end. */
function frames(wire) {
  const address = new Uint8Array(16).fill(0xfe);
  const made = [];
  for (const tagged of [false, true]) {
    for (const kind of ['arp', 'udp', 'tcp', 'icmp', 'udp6', 'tcp6', 'nd', 'ext6', 'frag', 'qinq']) {
      const bytes = new Uint8Array(160);
      for (let i = 60; i < 160; i++) bytes[i] = i;
      const six = kind.endsWith('6') || kind === 'nd';
      const type = kind === 'arp' ? 0x0806 : kind === 'qinq' ? 0x88a8 : six ? 0x86dd : 0x0800;
      let at = tagged
        ? wire.writeTaggedEthernetHeader(bytes, 0, 0x0215, 1, 0x0215, 2, 0x2005, type)
        : wire.writeEthernetHeader(bytes, 0, 0x0215, 1, 0x0215, 2, type);
      if (kind === 'arp') {
        const fields = { operation: 1, senderMacHi: 1, senderMacLo: 2, senderIpv4: 3 };
        wire.writeArp(bytes, at, { ...fields, targetMacHi: 4, targetMacLo: 5, targetIpv4: 6 });
      } else if (kind === 'qinq') bytes.set([0, 5, 0x81, 0, 0, 7, 0x08, 0, 0x45], at);
      else if (six) {
        const next = { udp6: 17, tcp6: 6, nd: 58, ext6: 0 }[kind];
        const addresses = { source: address, destination: address };
        at += wire.writeIpv6Header(bytes, at, { ...addresses, nextHeader: next, payloadLength: 80 });
        if (kind === 'ext6')
          bytes.set([60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 44, 0, 1, 4, 0, 0, 0, 0, 17], at);
        if (kind === 'nd') bytes.set([135, 0, 0, 0, 0, 0, 0, 0, ...address, 1, 1, 2, 0, 0, 0, 0, 1], at);
      } else {
        const protocol = { udp: 17, tcp: 6, icmp: 1, frag: 17 }[kind];
        at += wire.writeIpv4Header(bytes, at, { source: 1, destination: 2, protocol, payloadLength: 60 });
        if (kind === 'frag') bytes[at - 14] = 0x21;
      }
      if (kind.startsWith('udp')) wire.writeUdpHeader(bytes, at, 1, 2, 32);
      if (kind.startsWith('tcp'))
        wire.writeTcpHeader(bytes, at, { sourcePort: 1, destinationPort: 2, sequenceNumber: 3, flags: 18 });
      if (kind === 'icmp') bytes[at] = 8;
      made.push(bytes.slice(0, 60 + (at % 40)), bytes);
    }
  }
  return made;
}

/** Every getter's value of a view that has been judged sound. */
function fieldsOf(getters, view) {
  return getters.map((name) => {
    const value = view[name];
    return name.endsWith('Offset') && name !== 'fragmentOffset' ? value - view.offset : value;
  });
}

export const wireViews = {
  name: 'wire-views',
  about: 'header views, walks, checksums and summaries of @vmq/wire',
  modules: { wire: 'wire/index' },
  perSession: 10_000,
  open({ wire }, random, note) {
    const guard = new Guard(random);
    const corpus = frames(wire);
    const views = VIEWS.map((name) => {
      const view = new wire[name]();
      const descriptors = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(view)));
      return {
        name,
        view,
        getters: descriptors.filter(([, { get }]) => get !== undefined).map(([key]) => key),
      };
    });
    const layout = new wire.FrameLayout();
    const options = new wire.OptionWalk();
    const extensions = new wire.Ipv6ExtensionWalk();
    const neighbours = new wire.NeighbourOptionWalk();
    const toeplitz = new wire.ToeplitzTable(new Uint8Array(wire.RSS_KEY_LENGTH).fill(0x6d));
    let steps = 0;
    const walk = (walker, end, limit) => {
      const seen = [];
      while (walker.next()) {
        const { dataOffset, dataLength } = walker;
        if (dataLength < 0 || dataOffset + dataLength > end)
          throw new Error(`an option of ${dataLength} bytes`);
        seen.push(walker.type ?? walker.kind, dataLength);
        if (++steps > limit) throw new Error(`${walker.constructor.name} took more than ${limit} steps`);
      }
      return [...seen, walker.broken];
    };
    const relative = (found, offset) =>
      Object.keys(found)
        .filter((key) => typeof found[key] === 'number')
        .map((key) => (key.endsWith('Offset') ? found[key] - offset : found[key]));
    const questions = [
      (bytes, offset, length, choice) => {
        const { name, view, getters } = views[choice % views.length];
        const refusal = view.checked(bytes, offset, length);
        if (refusal === null) {
          const { payloadOffset = offset, payloadLength = 0 } = view;
          if (payloadLength < 0 || payloadOffset < offset || payloadOffset + payloadLength > offset + length)
            throw new Error(
              `${name}: ${payloadLength} bytes of payload at ${payloadOffset - offset} of ${length}`,
            );
          return fieldsOf(getters, view);
        }
        if (typeof refusal !== 'string' || refusal === '')
          throw new Error(`${name}: a refusal without a name`);
        return refusal;
      },
      (bytes, offset, length) => relative(layout.of(bytes, offset, length), offset),
      (bytes, offset, length) => wire.summarize(bytes, offset, length),
      (bytes, offset, length) => wire.verifyFrameChecksums(bytes, layout.of(bytes, offset, length)),
      (bytes, offset, length) => [
        wire.isTagged(bytes, offset, length),
        wire.vlanIdOf(bytes, offset, length),
        wire.etherTypeOf(bytes, offset, length),
        wire.linkHeaderLength(bytes, offset, length),
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
    return {
      one(random) {
        let bytes = random.once(6)
          ? noise(random, 200)
          : mutate(random, random.pick(corpus), random.pick(corpus));
        const which = random.below(questions.length);
        const choice = random.next();
        // Behind the Ethernet header and behind IP: where the inner views and the walks begin.
        if (which === 0 || which > 4) bytes = bytes.subarray(random.pick([0, 0, 14, 18, 34, 38, 54, 58, 62]));
        note(bytes);
        steps = 0;
        const answer = guard.askAt(bytes, (all, offset, length) =>
          questions[which](all, offset, length, choice),
        );
        return which === 0 && typeof answer === 'string' ? `refused: ${answer}` : 'answered';
      },
    };
  },
};
