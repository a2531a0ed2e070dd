/**
 * The bridge once more, written from the rules alone and as plainly as possible: names, maps and strings, one
 * frame at a time. The data path is compared with it.
 */
export interface ReferencePort {
  readonly number: number;
  readonly mac: string;
  readonly connected: boolean;
  readonly spoofing: boolean;
  /** VLANs it belongs to, and the one of untagged frames. */
  readonly vlans: readonly number[];
  readonly untagged: number;
  readonly trunk: boolean;
}

export interface ReferenceFrame {
  readonly destination: string;
  readonly source: string;
  /** VLAN id it is tagged with, 0 = untagged. */
  readonly vid: number;
  readonly type: number;
}

export type Place = number | 'wire';

export interface Verdict {
  /** Where it goes, with the VLAN id it is tagged with there (0 = untagged). */
  readonly to: ReadonlyMap<Place, number>;
  /** Ledger name without prefix if it goes nowhere. */
  readonly drop: string | null;
}

export class ReferenceBridge {
  readonly #ports: readonly ReferencePort[];
  readonly #flood: boolean;
  readonly #learned = new Map<string, Place>();

  constructor(ports: readonly ReferencePort[], flood: boolean) {
    this.#ports = ports;
    this.#flood = flood;
  }

  judge(from: Place, frame: ReferenceFrame): Verdict {
    const sender = this.#ports.find(({ number }) => number === from);
    if (sender !== undefined && !sender.connected) return nowhere('port-disconnected');
    const vlan = sender === undefined || frame.vid !== 0 ? frame.vid : sender.untagged;
    if (sender !== undefined && !sender.vlans.includes(vlan)) return nowhere('vlan-mismatch');
    const group = isGroup(frame.source);
    if (sender !== undefined && frame.source !== sender.mac && (group || !sender.spoofing)) {
      return nowhere('mac-spoofing');
    }
    const isNobody = frame.source === '00-00-00-00-00-00';
    if (!group && !isNobody) this.#learned.set(`${frame.source} ${vlan}`, from);
    if (/^01-80-C2-00-00-0.$/.test(frame.destination)) return nowhere('reserved-address');
    if (frame.type === 0x8808) return nowhere('mac-control');
    if (group || isNobody) return nowhere('invalid-source');
    const members = this.#ports.filter(
      (port) => port.number !== from && port.connected && port.vlans.includes(vlan),
    );
    if (isGroup(frame.destination)) {
      const places: Place[] = members.map(({ number }) => number);
      if (from !== 'wire') places.push('wire');
      return places.length === 0 ? nowhere('no-member-port') : this.#go(places, vlan);
    }
    const owns = (port: ReferencePort): boolean =>
      port.mac === frame.destination && port.vlans.includes(vlan);
    const owner =
      this.#ports.find((port) => port.connected && owns(port)) ?? this.#ports.find((port) => owns(port));
    const seen = this.#learned.get(`${frame.destination} ${vlan}`);
    const place: Place | undefined = owner?.number ?? seen;
    if (place !== undefined) {
      if (place === from) return nowhere('source-port');
      if (owner !== undefined && !owner.connected) return nowhere('port-disconnected');
      return this.#go([place], vlan);
    }
    if (from !== 'wire' && !this.#flood) return this.#go(['wire'], vlan);
    const eager: Place[] = members.filter((port) => this.#flood || port.spoofing).map(({ number }) => number);
    if (from !== 'wire') eager.push('wire');
    if (eager.length !== 0) return this.#go(eager, vlan);
    const elsewhere = this.#ports.find(({ mac }) => mac === frame.destination);
    if (elsewhere === undefined) return nowhere('unknown-destination');
    return nowhere(elsewhere.connected ? 'vlan-mismatch' : 'port-disconnected');
  }

  #go(places: readonly Place[], vlan: number): Verdict {
    const to = new Map<Place, number>();
    for (const place of places) {
      const port = this.#ports.find(({ number }) => number === place);
      const untagged = port !== undefined && (!port.trunk || vlan === port.untagged);
      to.set(place, untagged ? 0 : vlan);
    }
    return { to, drop: null };
  }
}

const nowhere = (drop: string): Verdict => ({ to: new Map(), drop });
const isGroup = (mac: string): boolean => (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
