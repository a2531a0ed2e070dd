/**
 * Who was sent what, and who got it. A flow is the frames of one sender to one VM, or of one VM's sender to wherever
 * it sends; a trial is from one rest of both hosts to the next. In a trial each frame of a flow is numbered, and at
 * its end each has been seen once, or stands in a counter of a drop.
 */
import { type Address, type Mark, readMark, sameAddress, wrongByte } from './marked-frames.ts';

/** A VM that takes part. */
export interface Participant {
  readonly name: string;
  readonly address: Address;
  readonly vlan: number;
  /** Marks the frames for it. */
  readonly mark: number;
  /** Marks the frames of its own sender. */
  readonly senderMark: number;
}

/** What must not be. */
export interface Wrong {
  readonly kind: 'duplicated' | 'misdelivered' | 'altered' | 'unaccounted' | 'disturbed' | 'unexpected';
  readonly text: string;
}

/** Frames with the numbers `first` … `first + sent - 1`. */
interface Flow {
  first: number;
  sent: number;
  seen: Uint8Array;
  received: number;
  /** The highest number so far. */
  last: number;
  /** Whom its frames are for; null: the station. */
  to: Participant | null;
}

/** Who has got a frame, null: the station; who sent it; and the flow that it belongs to. */
interface Taken {
  readonly vm: Participant | null;
  readonly sender: Participant | undefined;
  readonly flow: Flow | undefined;
}

interface FrameBytes {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly length: number;
}

export interface FlowResult {
  readonly sent: number;
  readonly received: number;
}

const newFlow = (to: Participant | null): Flow => ({
  first: 1,
  sent: 0,
  seen: new Uint8Array(1024),
  received: 0,
  last: 0,
  to,
});

export class Accounts {
  /** Frames that came after one with a higher number of their flow. */
  reordered = 0;
  readonly wrongs: Wrong[] = [];
  readonly #length: number;
  readonly #participants: readonly Participant[];
  /** By the VM's mark: from the station. */
  readonly #inbound = new Map<number, Flow>();
  /** By the VM's name: from its own sender. */
  readonly #outbound = new Map<string, Flow>();

  /** `length`: bytes of every frame without its tag. */
  constructor(length: number, participants: readonly Participant[]) {
    this.#length = length;
    this.#participants = participants;
    for (const vm of participants) {
      this.#inbound.set(vm.mark, newFlow(vm));
      this.#outbound.set(vm.name, newFlow(null));
    }
  }

  /** The number of the next frame from the station to a VM. */
  next(vm: Participant): number {
    const flow = this.#inbound.get(vm.mark) as Flow;
    return flow.first + flow.sent++;
  }

  /** The sender of `vm` is about to send `count` frames, numbered from 1. */
  sends(vm: Participant, count: number, to: Participant | null): void {
    const flow = this.#outbound.get(vm.name) as Flow;
    Object.assign(flow, { first: 1, sent: count, last: 0, to });
  }

  /** A frame that `vm` has in its memory; null: that the station has. */
  took(vm: Participant | null, bytes: Uint8Array, offset: number, length: number): void {
    const mark = readMark(bytes, offset);
    if (mark === null) return; // an announcement
    const sender = this.#participants.find(({ address }) => sameAddress(address, mark.from));
    const flow = mark.isFromVm ? this.#outbound.get(sender?.name ?? '') : this.#inbound.get(mark.mark);
    const wrong = this.#judge({ vm, sender, flow }, mark, { bytes, offset, length });
    if (wrong !== null) {
      const { isFromVm, number } = mark;
      const from = isFromVm ? (sender?.name ?? 'nobody') : 'the station';
      const text = `${vm?.name ?? 'the station'} got frame ${number} of ${from}: ${wrong.text}`;
      this.wrongs.push({ kind: wrong.kind, text });
    } else this.#see(flow as Flow, mark.number);
  }

  #judge({ vm, sender, flow }: Taken, mark: Mark, { bytes, offset, length }: FrameBytes): Wrong | null {
    const wrong = (kind: Wrong['kind'], text: string): Wrong => ({ kind, text });
    if (flow === undefined) return wrong('altered', `nobody has mark ${mark.mark}`);
    if (flow.to !== vm) return wrong('misdelivered', `it is for ${flow.to?.name ?? 'the station'}`);
    if (mark.isFromVm && sender?.senderMark !== mark.mark)
      return wrong('altered', `its mark is ${mark.mark}`);
    if (vm !== null && !sameAddress(mark.to, vm.address))
      return wrong('misdelivered', 'its destination is another');
    // A port in access mode: its VM gets frames without the tag, the wire with it.
    const vlan = vm === null ? (sender?.vlan ?? 0) : 0;
    if (mark.vlan !== vlan) return wrong('altered', `its VLAN is ${mark.vlan}, expected ${vlan}`);
    const bare = length - mark.tagBytes;
    if (bare !== this.#length) return wrong('altered', `${bare} bytes, expected ${this.#length}`);
    const at = wrongByte(mark, bytes, offset, bare);
    if (at >= 0) return wrong('altered', `byte ${at} is ${bytes[offset + mark.tagBytes + at]}`);
    if (mark.number < flow.first || mark.number >= flow.first + flow.sent)
      return wrong('duplicated', 'it was not sent in this trial');
    return flow.seen[mark.number - flow.first] === 1 ? wrong('duplicated', 'it had come before') : null;
  }

  #see(flow: Flow, number: number): void {
    const index = number - flow.first;
    if (index >= flow.seen.length) {
      const longer = new Uint8Array(Math.max(flow.seen.length * 2, index + 1));
      longer.set(flow.seen);
      flow.seen = longer;
    }
    flow.seen[index] = 1;
    flow.received++;
    if (number < flow.last) this.reordered++;
    else flow.last = number;
  }

  /** Ends the trial: frames to each VM, and of each VM's sender. The next one begins with nothing under way. */
  close(): {
    readonly inbound: Map<string, FlowResult>;
    readonly outbound: Map<string, FlowResult & { to: Participant | null }>;
  } {
    const inbound = new Map<string, FlowResult>();
    const outbound = new Map<string, FlowResult & { to: Participant | null }>();
    for (const vm of this.#participants) {
      const flow = this.#inbound.get(vm.mark) as Flow;
      inbound.set(vm.name, { sent: flow.sent, received: flow.received });
      flow.first += flow.sent;
      reset(flow);
      const own = this.#outbound.get(vm.name) as Flow;
      outbound.set(vm.name, { sent: own.sent, received: own.received, to: own.to });
      reset(own);
    }
    return { inbound, outbound };
  }
}

function reset(flow: Flow): void {
  flow.seen.fill(0);
  flow.sent = 0;
  flow.received = 0;
}
