/**
 * What the bindings of an adapter want to receive. Each asks for itself; the miniport hears of all of them together:
 *
 *   binding 1   DIRECTED | BROADCAST              {a, b}         1500
 *   binding 2   DIRECTED | MULTICAST              {b, c}          128
 *   miniport    DIRECTED | BROADCAST | MULTICAST  {a, b, c}      1500
 *               packet filter: or                 list: union    lookahead: largest
 *
 * A request replaces the share of its own binding and no other's; a binding that closes takes its share along.
 */
import { OID_802_3_MULTICAST_LIST, OID_GEN_CURRENT_LOOKAHEAD, OID_GEN_CURRENT_PACKET_FILTER } from '@vmq/abi';
import { type OidRequest, setRequest } from '@vmq/ddi';

export const MAC_BYTES = 6;

interface Share {
  /** NDIS_PACKET_TYPE_* bits. */
  readonly packetFilter: number;
  /** Addresses as hexadecimal digits. */
  readonly multicastList: readonly string[];
  /** Bytes behind the header; 0 = it has not asked. */
  readonly lookahead: number;
}

const NOTHING: Share = { packetFilter: 0, multicastList: [], lookahead: 0 };

export class Reception {
  /** By number of the binding; 0 = user mode. */
  readonly #shares: Map<number, Share> = new Map();

  /** The shares together, with `change` in the place of what `owner` has now. */
  combined(owner = 0, change: Partial<Share> = {}): Share {
    const shares = [...this.#shares].filter(([number]) => number !== owner).map(([, share]) => share);
    shares.push({ ...(this.#shares.get(owner) ?? NOTHING), ...change });
    return {
      packetFilter: shares.reduce((types, share) => (types | share.packetFilter) >>> 0, 0),
      multicastList: [...new Set(shares.flatMap((share) => share.multicastList))],
      lookahead: shares.reduce((most, share) => Math.max(most, share.lookahead), 0),
    };
  }

  /** What one binding wants. */
  of(owner: number): Share {
    return this.#shares.get(owner) ?? NOTHING;
  }

  /** Who wants anything at all. */
  owners(): number[] {
    return [...this.#shares]
      .filter(([, { packetFilter, multicastList }]) => packetFilter !== 0 || multicastList.length > 0)
      .map(([number]) => number);
  }

  /** The miniport has accepted the combination with this change. */
  accept(owner: number, change: Partial<Share>): void {
    this.#shares.set(owner, { ...(this.#shares.get(owner) ?? NOTHING), ...change });
  }

  /** Takes away the share of a binding that closes; returns the requests that tell a miniport what that changes. */
  withdraw(owner: number): readonly OidRequest[] {
    const before = this.combined();
    this.#shares.delete(owner);
    const after = this.combined();
    const requests: OidRequest[] = [];
    if (after.packetFilter !== before.packetFilter)
      requests.push(setRequest(OID_GEN_CURRENT_PACKET_FILTER, wordBytes(after.packetFilter)));
    if (after.multicastList.length !== before.multicastList.length)
      requests.push(setRequest(OID_802_3_MULTICAST_LIST, listBytes(after.multicastList)));
    // Without anybody who cares it may stay as it is.
    if (after.lookahead !== before.lookahead && after.lookahead !== 0)
      requests.push(setRequest(OID_GEN_CURRENT_LOOKAHEAD, wordBytes(after.lookahead)));
    return requests;
  }

  /** The requests that tell a miniport which has forgotten its addressing what it is to receive. */
  restore(): readonly OidRequest[] {
    const { packetFilter, multicastList } = this.combined();
    const requests: OidRequest[] = [];
    if (packetFilter !== 0) requests.push(setRequest(OID_GEN_CURRENT_PACKET_FILTER, wordBytes(packetFilter)));
    if (multicastList.length !== 0)
      requests.push(setRequest(OID_802_3_MULTICAST_LIST, listBytes(multicastList)));
    return requests;
  }

  clear(): void {
    this.#shares.clear();
  }
}

export function wordBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** Addresses of a list of whole addresses, each once. */
export function listOf(bytes: Uint8Array): string[] {
  const list = new Set<string>();
  for (let at = 0; at < bytes.length; at += MAC_BYTES) {
    const address = bytes.subarray(at, at + MAC_BYTES);
    list.add(Array.from(address, (byte) => byte.toString(16).padStart(2, '0')).join(''));
  }
  return [...list];
}

export function listBytes(list: readonly string[]): Uint8Array {
  const bytes = new Uint8Array(list.length * MAC_BYTES);
  list.forEach((address, i) => {
    for (let k = 0; k < MAC_BYTES; k++)
      bytes[i * MAC_BYTES + k] = Number.parseInt(address.slice(2 * k, 2 * k + 2), 16);
  });
  return bytes;
}
