/**
 * Where a frame goes: the bridge. One verdict per frame, from its destination, VLAN and source port.
 *
 *   group address          ─> every other connected member of the VLAN, and the wire unless it came from there
 *   a port's own address   ─> that port
 *   a learned address      ─> the port it was seen behind
 *   unknown, from a VM     ─> the wire (SW-16)
 *   unknown, otherwise     ─> ports that want unknown unicast, else nowhere
 *
 * What no bridge forwards has been refused before (bridge-rules.ts).
 */
import type { DestinationList } from '../model/destination-list.ts';
import {
  DROP_EXTERNAL_NOT_RUNNING,
  DROP_NO_MEMBER_PORT,
  DROP_PORT_DISCONNECTED,
  DROP_SOURCE_PORT,
  DROP_UNKNOWN_DESTINATION,
  DROP_VLAN_MISMATCH,
} from '../model/drop-reasons.ts';
import type { FrameBatch } from '../model/frame-batch.ts';
import { EXTERNAL_PORT, type SwitchState } from '../model/messages.ts';
import { PORT_CONNECTED, type PortTable } from '../model/port-table.ts';
import {
  RULE_ADDRESS,
  RULE_FLOOD,
  RULE_LEARNED,
  RULE_UNKNOWN,
  RULE_UNKNOWN_FLOOD,
  verdictDrop,
  verdictTo,
} from '../model/verdict.ts';
import type { SourceLearning } from '../tables/source-learning.ts';

export class Forwarder {
  /** The switch has an external port; may be down. */
  #external = false;
  #floodUnknown = false;
  readonly #ports: PortTable;
  readonly #batch: FrameBatch;
  readonly #destinations: DestinationList;
  readonly #sources: SourceLearning;

  constructor(ports: PortTable, batch: FrameBatch, destinations: DestinationList, sources: SourceLearning) {
    this.#ports = ports;
    this.#batch = batch;
    this.#destinations = destinations;
    this.#sources = sources;
  }

  load(state: SwitchState): void {
    this.#external = state.external;
    this.#floodUnknown = state.floodUnknownUnicast;
  }

  /**
   * The verdict about frame `i` to key `a`, `b`, the VLAN in it. One by RULE_ADDRESS or RULE_LEARNED holds for every frame to the
   * same key, as long as nothing is learned.
   */
  verdict(i: number, a: number, b: number): number {
    if ((a & 1) !== 0) return this.#flood(i, b >>> 16);
    const ports = this.#ports;
    const source = this.#batch.source;
    let rule = RULE_ADDRESS;
    let port = ports.addresses.lookup(a, b);
    if (port < 0) {
      rule = RULE_LEARNED;
      port = this.#sources.table.lookup(a, b);
    }
    if (port < 0) return this.#unknown(i, a, b);
    if (port === source) return verdictDrop(DROP_SOURCE_PORT, port, rule);
    if (port === EXTERNAL_PORT) return this.#toWire(rule);
    if ((ports.flags[port] & PORT_CONNECTED) === 0) return verdictDrop(DROP_PORT_DISCONNECTED, port, rule);
    // An address learned while the port was a member of the VLAN gives it no right to that VLAN now.
    if (rule === RULE_LEARNED && !ports.isMember(port, b >>> 16))
      return verdictDrop(DROP_VLAN_MISMATCH, port, rule);
    return verdictTo(port, rule);
  }

  #flood(i: number, vlan: number): number {
    const ports = this.#ports;
    const source = this.#batch.source;
    const list = ports.list;
    let members = 0;
    for (let k = 0; k < list.length; k++) members += this.#addMember(i, list[k], vlan);
    const wire = source !== EXTERNAL_PORT && this.#external;
    if (wire && ports.externalRunning) {
      this.#destinations.add(i, EXTERNAL_PORT);
      members++;
    }
    if (members !== 0) return verdictTo(EXTERNAL_PORT, RULE_FLOOD);
    const reason = wire ? DROP_EXTERNAL_NOT_RUNNING : DROP_NO_MEMBER_PORT;
    return verdictDrop(reason, EXTERNAL_PORT, RULE_FLOOD);
  }

  #unknown(i: number, a: number, b: number): number {
    const ports = this.#ports;
    const source = this.#batch.source;
    const wire = source !== EXTERNAL_PORT && this.#external;
    let members = 0;
    if (!wire || this.#floodUnknown) {
      const list = ports.unknownUnicast;
      for (let k = 0; k < list.length; k++) members += this.#addMember(i, list[k], b >>> 16);
    }
    if (wire && members === 0) return this.#toWire(RULE_UNKNOWN);
    if (wire && ports.externalRunning) this.#destinations.add(i, EXTERNAL_PORT);
    if (members !== 0) return verdictTo(EXTERNAL_PORT, RULE_UNKNOWN_FLOOD);
    return verdictDrop(this.#whyUnknown(a, b & 0xffff, source), EXTERNAL_PORT, RULE_UNKNOWN);
  }

  /** Why nobody has the address in the frame's VLAN: perhaps a port has it in another one. */
  #whyUnknown(a: number, mac: number, source: number): number {
    const owner = this.#ports.portWithAddress(a, mac);
    if (owner < 0 || owner === source) return DROP_UNKNOWN_DESTINATION;
    return (this.#ports.flags[owner] & PORT_CONNECTED) === 0 ? DROP_PORT_DISCONNECTED : DROP_VLAN_MISMATCH;
  }

  /** Puts frame `i` on the list for a port if the port is a connected member and not the source; 1 if it did. */
  #addMember(i: number, port: number, vlan: number): number {
    const ports = this.#ports;
    if (port === this.#batch.source || (ports.flags[port] & PORT_CONNECTED) === 0) return 0;
    if (!ports.isMember(port, vlan)) return 0;
    this.#destinations.add(i, port);
    return 1;
  }

  #toWire(rule: number): number {
    if (this.#ports.externalRunning) return verdictTo(EXTERNAL_PORT, rule);
    return verdictDrop(DROP_EXTERNAL_NOT_RUNNING, EXTERNAL_PORT, rule);
  }
}
