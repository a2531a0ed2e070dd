/**
 * Why the switch does with a frame what it does: its rules applied one by one to a report of the switch, with every test
 * kept. It shares no code and no table with the data path, so that each checks the other: `vmq why` shows these tests
 * beside the recorded verdict, and says where they disagree.
 *
 *   from a VM queue   address and VLAN of the queue's port (SEC-07), then what no bridge forwards
 *   from a guest      connected port, VLAN of the port, source address (SW-17 to SW-19, SW-22), then as below
 *   otherwise         what no bridge forwards (SW-27) ─ group address? flood ─ a port's address ─ a learned one ─ unknown
 */
import type { PortReport, SwitchReport } from '../control/switch-report.ts';
import { vlansOf } from '../model/switch-port.ts';

/** A frame as the switch sees it: its tag, if it has one, taken out. */
export interface SwitchFrame {
  /** `XX-XX-XX-XX-XX-XX`. */
  readonly destination: string;
  readonly source: string;
  /** Type behind the tag that was taken out. */
  readonly etherType: number;
  /** Of the tag that was taken out, or beside the frame; 0 = none. */
  readonly tci: number;
  /** Bytes without that tag. */
  readonly length: number;
  /** Where it came from: a receive queue of the adapter, or the guest behind a port. */
  readonly from: { readonly queueId: number } | { readonly port: number };
}

/** One test that was made, in words. */
export interface SwitchTest {
  readonly what: string;
  readonly found: string;
  readonly passes: boolean;
}

export const SWITCH_RULES = [
  'none',
  "the queue's port",
  'every member of the VLAN',
  "a port's address",
  'a learned address',
  'unknown unicast',
] as const;
export type SwitchRule = (typeof SWITCH_RULES)[number];

export interface SwitchExplanation {
  readonly tests: readonly SwitchTest[];
  readonly rule: SwitchRule;
  /** Ports that are to get it, ascending. */
  readonly ports: readonly number[];
  readonly toWire: boolean;
  /** Ledger name of the reason if it goes nowhere, without the `dropped.` before it; else null. */
  readonly drop: string | null;
}

/** What a switch in the state of `report` does with `frame`. Extensions and the room in channels are not asked. */
export function explainSwitching(report: SwitchReport, frame: SwitchFrame): SwitchExplanation {
  return new Explanation(report, frame).explain();
}

const TAG = 0x8100;
const MAC_CONTROL = 0x8808;
const HEADER_BYTES = 14;
const NOBODY = '00-00-00-00-00-00';

const isGroup = (mac: string): boolean => (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
const vlanText = (vlan: number): string => (vlan === 0 ? 'no VLAN' : `VLAN ${vlan}`);
const untaggedVlan = ({ properties: { vlan } }: PortReport): number =>
  vlan.mode === 'trunk' ? vlan.native : vlan.vlan;
const isMember = (port: PortReport, vlan: number): boolean => vlansOf(port.properties.vlan).includes(vlan);
const isConnected = (port: PortReport): boolean => port.state === 'connected';

class Explanation {
  readonly #report: SwitchReport;
  readonly #frame: SwitchFrame;
  readonly #tests: SwitchTest[] = [];

  constructor(report: SwitchReport, frame: SwitchFrame) {
    this.#report = report;
    this.#frame = frame;
  }

  explain(): SwitchExplanation {
    const { from, length, tci } = this.#frame;
    if (!this.#test('an Ethernet header', `${length} bytes`, length >= HEADER_BYTES))
      return this.#nowhere('vswitch.runt');
    if ('port' in from) return this.#fromGuest(from.port);
    const own = this.#withNic().find(
      (port) => from.queueId !== 0 && port.queueId === from.queueId && isConnected(port),
    );
    return own === undefined ? this.#forward(null, tci & 0xfff) : this.#fromQueue(own, tci & 0xfff);
  }

  /** The filters of a VM queue have decided already; they are not believed (SEC-07). */
  #fromQueue(port: PortReport, vlan: number): SwitchExplanation {
    const { destination } = this.#frame;
    const name = `${port.name} of queue ${port.queueId}`;
    if (!this.#test(`the address of ${name}`, destination, destination === port.macAddress))
      return this.#nowhere('vswitch.wrong-destination');
    if (!this.#test(`the VLAN of ${name}`, vlanText(vlan), vlan === untaggedVlan(port)))
      return this.#nowhere('vswitch.vlan-mismatch');
    const refusal = this.#bridgeRefusal();
    return refusal === null ? this.#to([port.port], false, "the queue's port") : this.#nowhere(refusal);
  }

  #fromGuest(number: number): SwitchExplanation {
    const { tci, etherType, source } = this.#frame;
    const port = this.#withNic().find((candidate) => candidate.port === number);
    if (port === undefined || !this.#test(`${port.name} is connected`, port.state, isConnected(port)))
      return this.#nowhere('vswitch.port-disconnected');
    const asked = tci & 0xfff;
    const vlan = asked === 0 ? untaggedVlan(port) : asked;
    if (!this.#test(`a VLAN of ${port.name}`, vlanText(vlan), isMember(port, vlan)))
      return this.#nowhere('vswitch.vlan-mismatch');
    if (vlan === 0 && !this.#test('no second tag', `type ${etherType.toString(16)}`, etherType !== TAG))
      return this.#nowhere('vswitch.vlan-mismatch');
    if (!this.#test(`an address ${port.name} may send from`, source, this.#maySendFrom(port)))
      return this.#nowhere('vswitch.mac-spoofing');
    return this.#forward(port, vlan);
  }

  #maySendFrom(port: PortReport): boolean {
    const { source } = this.#frame;
    if (source === port.macAddress) return true;
    if (isGroup(source)) return false;
    if (port.properties.allowMacSpoofing) return true;
    if (!port.properties.allowTeaming) return false;
    return this.#withNic().some(
      (other) => other.vmName === port.vmName && other.properties.allowTeaming && other.macAddress === source,
    );
  }

  #forward(sender: PortReport | null, vlan: number): SwitchExplanation {
    const refusal = this.#bridgeRefusal();
    if (refusal !== null) return this.#nowhere(refusal);
    const { destination } = this.#frame;
    const hasWire = sender !== null && this.#report.type === 'external';
    if (isGroup(destination)) {
      const members = this.#members(sender, vlan);
      this.#test(`other connected members of ${vlanText(vlan)}`, String(members.length), members.length > 0);
      return this.#toAll(members, hasWire, 'every member of the VLAN', 'vswitch.no-member-port');
    }
    const owner = this.#owner(vlan);
    if (this.#test('the address of a port in the VLAN', destination, owner !== undefined) && owner)
      return this.#toPort(owner, sender, "a port's address");
    const learned = this.#learnedPort(sender, vlan);
    if (this.#test('a learned address', destination, learned >= 0))
      return this.#toLearned(learned, sender, vlan);
    return this.#unknown(sender, vlan, hasWire);
  }

  /** Port behind which the destination was seen, 0 = the wire; -1 = nowhere. The frame's own source is learned first. */
  #learnedPort(sender: PortReport | null, vlan: number): number {
    const { destination, source } = this.#frame;
    if (destination === source) return sender?.port ?? 0;
    const entry = this.#report.learned.find((seen) => seen.macAddress === destination && seen.vlan === vlan);
    return entry?.port ?? -1;
  }

  #toPort(port: PortReport, sender: PortReport | null, rule: SwitchRule): SwitchExplanation {
    if (port === sender) return this.#nowhere('vswitch.source-port');
    if (!this.#test(`${port.name} is connected`, port.state, isConnected(port)))
      return this.#nowhere('vswitch.port-disconnected');
    return this.#to([port.port], false, rule);
  }

  #toLearned(number: number, sender: PortReport | null, vlan: number): SwitchExplanation {
    if (number === 0) {
      if (sender === null) return this.#nowhere('vswitch.source-port');
      return this.#toAll([], true, 'a learned address', '');
    }
    const port = this.#withNic().find((candidate) => candidate.port === number);
    if (port === undefined) return this.#nowhere('vswitch.port-disconnected');
    const found = this.#toPort(port, sender, 'a learned address');
    if (found.drop !== null) return found;
    return this.#test(`${port.name} is in ${vlanText(vlan)}`, vlanText(vlan), isMember(port, vlan))
      ? { ...found, tests: [...this.#tests] }
      : this.#nowhere('vswitch.vlan-mismatch');
  }

  #unknown(sender: PortReport | null, vlan: number, hasWire: boolean): SwitchExplanation {
    const flood = this.#report.floodUnknownUnicast;
    const eager =
      hasWire && !flood
        ? []
        : this.#members(sender, vlan).filter((port) => flood || port.properties.allowMacSpoofing);
    this.#test('ports that want unknown unicast', String(eager.length), eager.length > 0);
    if (eager.length > 0 || hasWire) return this.#toAll(eager, hasWire, 'unknown unicast', '');
    const { destination } = this.#frame;
    const elsewhere = this.#withNic().find((port) => port.macAddress === destination);
    if (elsewhere === undefined || elsewhere === sender) return this.#nowhere('vswitch.unknown-destination');
    return this.#nowhere(isConnected(elsewhere) ? 'vswitch.vlan-mismatch' : 'vswitch.port-disconnected');
  }

  /** To `ports` and, with `toWire`, the wire: to that one alone only if it is up; `drop` if there is neither. */
  #toAll(ports: readonly PortReport[], toWire: boolean, rule: SwitchRule, drop: string): SwitchExplanation {
    const isUp = this.#report.isExternalRunning;
    if (ports.length > 0)
      return this.#to(
        ports.map(({ port }) => port),
        toWire && isUp,
        rule,
      );
    if (!toWire) return this.#nowhere(drop);
    return this.#test('the external port is up', isUp ? 'up' : 'down', isUp)
      ? this.#to([], true, rule)
      : this.#nowhere('vswitch.external-not-running');
  }

  /** SW-27: what is between neighbours, the port's own, or from no station. */
  #bridgeRefusal(): string | null {
    const { destination, source, etherType } = this.#frame;
    if (!this.#test('no reserved address', destination, !/^01-80-C2-00-00-0.$/.test(destination)))
      return 'vswitch.reserved-address';
    if (!this.#test('no MAC control', `type ${etherType.toString(16)}`, etherType !== MAC_CONTROL))
      return 'vswitch.mac-control';
    return this.#test("a station's source", source, !isGroup(source) && source !== NOBODY)
      ? null
      : 'vswitch.invalid-source';
  }

  #members(sender: PortReport | null, vlan: number): PortReport[] {
    return this.#withNic().filter((port) => port !== sender && isConnected(port) && isMember(port, vlan));
  }

  /** The port that has the destination's address in the VLAN: a connected one first. */
  #owner(vlan: number): PortReport | undefined {
    const owners = this.#withNic().filter(
      (port) => port.macAddress === this.#frame.destination && isMember(port, vlan),
    );
    return owners.find(isConnected) ?? owners[0];
  }

  #withNic(): readonly PortReport[] {
    return this.#report.ports.filter(({ macAddress }) => macAddress !== '');
  }

  #test(what: string, found: string, passes: boolean): boolean {
    this.#tests.push({ what, found, passes });
    return passes;
  }

  #to(ports: readonly number[], toWire: boolean, rule: SwitchRule): SwitchExplanation {
    return { tests: this.#tests, rule, ports: [...ports].sort((x, y) => x - y), toWire, drop: null };
  }

  #nowhere(drop: string): SwitchExplanation {
    return { tests: this.#tests, rule: 'none', ports: [], toWire: false, drop };
  }
}
