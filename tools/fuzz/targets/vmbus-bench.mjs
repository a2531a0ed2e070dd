// A channel with its guest's memory in our hands, for the targets of @vmq/vmbus: who writes what in which pages.
export const MAC = [0x00, 0x15, 0x5d, 1, 2, 3];
export const HOST_BYTES = 1 << 16;
/** Where the host puts a guest's frame; around it everything must stay as it is. */
export const FRAME_AT = 8192;
export const CONTROL = { channel: 1, macAddress: MAC, receiveSections: 32, sendSections: 8 };
const LAYOUT = { base: 4096, ringBytes: 4096, receiveSections: 32, sendSections: 8 };

/** One machine with a guest `vm:a`; `canary` fills what nobody may read or write. */
export function makeChannel({ machine, vmbus }, canary) {
  const board = machine.createMachine({
    hostMemoryBytes: HOST_BYTES,
    processors: 1,
    agents: ['vm:a'],
    dropReasons: [],
  });
  const layout = vmbus.layoutGuest(LAYOUT);
  // A page in front of the layout, one behind it, and another VM.
  const segment = board.memory.addSegment('vm:a', layout.end + 4096);
  const other = board.memory.addSegment('vm:b', 8192);
  const channel = { board, layout, segment, other, canary, sent: [], controls: 0 };
  channel.paint = () => {
    segment.u8.fill(canary, 0, 4096);
    segment.u8.fill(canary, layout.end);
    other.u8.fill(canary);
    board.memory.host.u8.fill(canary);
  };
  channel.handler = {
    frameBuffer(length) {
      if (!(length >= 14 && length <= 1522)) throw new Error(`a frame of ${length} bytes`);
      return FRAME_AT;
    },
    frameReady(offset, length, tci) {
      if (offset !== FRAME_AT || !(tci >= 0 && tci <= 0xffff))
        throw new Error(`frame at ${offset}, TCI ${tci}`);
      channel.sent.push(length, tci, ...board.memory.host.u8.subarray(offset, offset + length));
      board.memory.host.u8.fill(canary, offset, offset + length);
    },
  };
  channel.control = () =>
    vmbus.createChannelControl(board, {
      ...CONTROL,
      segment: segment.id,
      guestAgent: board.agent('vm:a'),
      violationLimit: 1 << 20,
    });
  channel.guest = (control) =>
    vmbus.createChannelGuest(
      { machine: board },
      { segment: segment.id, messages: control.messages, layout: LAYOUT },
    );
  const { host } = board.memory;
  const clean = Buffer.alloc(HOST_BYTES, canary);
  /** Throws if anything outside rings and buffers was written. */
  channel.checkCanaries = () => {
    const check = ({ buffer }, from, to, where) => {
      if (!Buffer.from(buffer, from, to - from).equals(clean.subarray(0, to - from)))
        throw new Error(`${where} was written`);
    };
    check(segment, 0, 4096, 'the guest, in front of its driver,');
    check(segment, layout.end, segment.byteLength, 'the guest, behind its buffers,');
    check(other, 0, other.byteLength, 'another VM');
    check(host, 0, HOST_BYTES, 'the host');
  };
  return channel;
}

/** Takes the handshake to its end. */
export function openChannel(control, guest) {
  const sink = { frame: () => true };
  control.offer();
  for (let n = 0; n < 200; n++) {
    guest.poll(sink, 64);
    if (control.poll()) return;
  }
  throw new Error(`the handshake ended ${control.phase}`);
}

/** Every receive section is free once, or part of one message that is outstanding, or lent. */
export function checkSections(state, ChannelState, stateSections, words, sections = stateSections) {
  const view = new ChannelState(state, stateSections);
  const where = new Uint8Array(sections);
  let held = 0;
  const take = (section) => {
    if (!(section >= 0 && section < sections) || where[section] !== 0)
      throw new Error(`section ${section} is in two places or does not exist`);
    where[section] = 1;
    held++;
  };
  for (let i = 0; i < view.words[words.FREE_SECTIONS]; i++) take(view.words[view.free + i]);
  for (let first = 0; first < sections; first++) {
    if (view.words[view.serials + first] === 0) continue;
    for (let at = first; at >= 0; at = view.words[view.next + at]) take(at);
  }
  if (held !== sections) throw new Error(`${sections - held} sections are nowhere`);
}
