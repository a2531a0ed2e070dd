/**
 * Two hosts and a station on one physical switch, in virtual time; in real time if the hosts have threads.
 *
 *   station ──> [ backlog a ] ──> wire ──> host a ──> wire ──┐
 *           └─> [ backlog b ] ──> wire ──> host b ──> wire ──┴──> learns ──> the other host, the station
 *
 * The switch has learned every address before the first frame, so it never floods unicast; a frame whose way leads
 * back to where it came from ends here. A host is given no more frames at a time than it has buffers for, so what it
 * drops it does not drop for want of them; frames that may not go yet wait, each VM's in their order.
 */

import type { Host } from '@vmq/host';
import type { DeterministicExecutor, VirtualClock } from '@vmq/machine';
import { readMacHi, readMacLo } from '@vmq/wire';
import type { Address } from './marked-frames.ts';

/** Virtual nanoseconds that pass on a host with nothing to do, at a time. */
const IDLE_NANOSECONDS = 1000;
/** Turns of one host before the other one's. */
const TURNS = 8;

/** Rounds of carrying after which hosts that are still busy never come to rest. */
const MOST_ROUNDS = 100_000;

/** One end of a cable. */
export type Place = Host | 'station';

export interface FabricEvents {
  /** A frame that reached the station; valid during the call. */
  arrived(bytes: Uint8Array): void;
  /** After every few turns of both hosts. */
  passed(): void;
  /** Looks at what the VMs have received, which makes room for more; returns how many frames it was. */
  take(): number;
  /** Whether a frame may be put on the wire to a host now. */
  mayGo(bytes: Uint8Array): boolean;
  /** It has been. */
  goes(bytes: Uint8Array): void;
}

export class Fabric {
  readonly hosts: readonly [Host, Host];
  /** Frames that came out of the cable into which they would have had to go. */
  filtered = 0;
  readonly #events: FabricEvents;
  readonly #learned = new Map<number, Place>();
  readonly #backlog = new Map<Host, Uint8Array[]>();
  readonly #given = new Map<Host, number>();

  constructor(hosts: readonly [Host, Host], events: FabricEvents) {
    this.hosts = hosts;
    this.#events = events;
    for (const host of hosts) {
      this.#backlog.set(host, []);
      this.#given.set(host, 0);
    }
  }

  /** The switch sees `address` at `place`. */
  learn(address: Address, place: Place): void {
    this.#learned.set(keyOf(address.hi, address.lo), place);
  }

  /** Frames that wait before the hosts. */
  get waiting(): number {
    return this.hosts.reduce((sum, host) => sum + (this.#backlog.get(host)?.length ?? 0), 0);
  }

  /** A frame from the station. */
  send(bytes: Uint8Array): void {
    this.#forward('station', bytes);
  }

  /** Puts what waits on the wires, as far as the hosts have buffers, and shows it to the NICs. */
  feed(): void {
    for (const host of this.hosts) this.#feed(host);
  }

  /** Lets `nanoseconds` pass on both hosts. */
  run(nanoseconds: number): void {
    const ends = this.hosts.map(({ machine }) => machine.clock.now() + nanoseconds);
    for (let left = true; left; ) {
      left = false;
      this.hosts.forEach((host, i) => {
        if (host.machine.clock.now() >= ends[i]) return;
        left = true;
        this.#feed(host);
        takeTurns(host);
        this.#carry(host);
      });
      this.#events.passed();
    }
  }

  /** Lets everything run until no frame is under way anywhere. */
  settle(): void {
    let left = MOST_ROUNDS;
    do {
      if (left-- === 0)
        throw new Error(`the hosts do not come to rest: ${this.waiting} frames wait before them`);
      this.feed();
      for (const host of this.hosts) host.runUntilIdle();
      for (const host of this.hosts) this.#carry(host);
    } while (this.#events.take() > 0 || this.waiting > 0 || this.hosts.some((host) => this.#isBusy(host)));
  }

  #isBusy(host: Host): boolean {
    return (this.#given.get(host) as number) > host.machine.ledger.total('received.wire');
  }

  #feed(host: Host): void {
    const backlog = this.#backlog.get(host) as Uint8Array[];
    if (backlog.length === 0) return;
    const given = this.#given.get(host) as number;
    const { receivedFromWire, inFlight } = host.machine.ledger.report();
    // Threads go on counting while this is read.
    const window = host.executor.kind === 'threads' ? host.window >> 1 : host.window;
    const room = window - inFlight - (given - receivedFromWire);
    const kept: Uint8Array[] = [];
    let count = 0;
    let isFull = false;
    for (const bytes of backlog) {
      if (count < room && !isFull && this.#events.mayGo(bytes)) {
        if (host.wire.send(bytes, 0, bytes.length) !== 0) {
          this.#events.goes(bytes);
          count++;
          continue;
        }
        isFull = true;
      }
      kept.push(bytes);
    }
    if (count === 0) return;
    this.#backlog.set(host, kept);
    this.#given.set(host, given + count);
    host.wire.flush();
  }

  #carry(host: Host): void {
    host.wire.receive((bytes, offset, length) => this.#forward(host, bytes.slice(offset, offset + length)));
  }

  #forward(from: Place, bytes: Uint8Array): void {
    this.#learned.set(keyOf(readMacHi(bytes, 6), readMacLo(bytes, 6)), from);
    const isGroup = (bytes[0] & 1) === 1;
    const to = isGroup ? undefined : this.#learned.get(keyOf(readMacHi(bytes, 0), readMacLo(bytes, 0)));
    const places: readonly Place[] = to === undefined ? [...this.hosts, 'station'] : [to];
    for (const place of places) {
      if (place === from) {
        if (to !== undefined) this.filtered++;
      } else if (place === 'station') this.#events.arrived(bytes);
      else this.#backlog.get(place)?.push(bytes);
    }
  }
}

/** A few turns of the host's agents. */
function takeTurns({ executor, machine }: Host): void {
  if (executor.kind === 'threads') {
    let left = TURNS;
    executor.runUntil(() => left-- <= 0);
    return;
  }
  for (let turn = 0; turn < TURNS; turn++) {
    if ((executor as DeterministicExecutor).step()) continue;
    // Time passes all the same.
    (machine.clock as VirtualClock).advance(IDLE_NANOSECONDS);
    return;
  }
}

function keyOf(hi: number, lo: number): number {
  return hi * 0x1_0000_0000 + lo;
}
