/**
 * NDIS's own record of the receive filters that are set on an adapter.
 */
import {
  NDIS_FRAME_HEADER,
  NDIS_MAC_HEADER_FIELD,
  NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO,
  type NdisReceiveFilterFieldParameters,
  type NdisReceiveFilterParameters,
} from '@vmq/abi';

export interface ReceiveFilter {
  readonly id: number;
  readonly queueId: number;
  /** Number of the binding that set it. */
  readonly owner: number;
  /** As set, with the id that NDIS gave. */
  readonly parameters: NdisReceiveFilterParameters;
}

/** What a VMQ filter tests, for people and for the switch. */
export interface FilterSummary {
  /** Destination address, six bytes in wire order. */
  readonly mac: Uint8Array | null;
  /** VLAN id tested, or null. */
  readonly vlanId: number | null;
  /** Only untagged frames or VLAN 0 match. */
  readonly untaggedOrZero: boolean;
}

/** True for a test of the MAC header's field `field`. */
export function testsMacField(test: NdisReceiveFilterFieldParameters, field: number): boolean {
  return (
    test.FrameHeader === NDIS_FRAME_HEADER.NdisFrameHeaderMac &&
    'MacHeaderField' in test.HeaderField &&
    test.HeaderField.MacHeaderField === field
  );
}

/** First six bytes of a destination-address test's value, or null. */
export function macOf(test: NdisReceiveFilterFieldParameters): Uint8Array | null {
  return 'FieldByteArrayValue' in test.FieldValue ? test.FieldValue.FieldByteArrayValue.slice(0, 6) : null;
}

/** Value of a VLAN-id test, or null. */
export function vlanOf(test: NdisReceiveFilterFieldParameters): number | null {
  return 'FieldShortValue' in test.FieldValue ? test.FieldValue.FieldShortValue : null;
}

export function summarizeFilter(parameters: NdisReceiveFilterParameters): FilterSummary {
  const { NdisMacHeaderFieldDestinationAddress, NdisMacHeaderFieldVlanId } = NDIS_MAC_HEADER_FIELD;
  const mac = parameters.elements.find((test) => testsMacField(test, NdisMacHeaderFieldDestinationAddress));
  const vlan = parameters.elements.find((test) => testsMacField(test, NdisMacHeaderFieldVlanId));
  return {
    mac: mac === undefined ? null : macOf(mac),
    vlanId: vlan === undefined ? null : vlanOf(vlan),
    untaggedOrZero:
      mac !== undefined && (mac.Flags & NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO) !== 0,
  };
}

export class ReceiveFilterBook {
  readonly #filters = new Map<number, ReceiveFilter>();

  /** FLT-03: the lowest id from 1 up that no filter of the adapter has. */
  freeId(): number {
    let id = 1;
    while (this.#filters.has(id)) id++;
    return id;
  }

  add(filter: ReceiveFilter): void {
    this.#filters.set(filter.id, filter);
  }

  find(id: number): ReceiveFilter | undefined {
    return this.#filters.get(id);
  }

  delete(id: number): void {
    this.#filters.delete(id);
  }

  clear(): void {
    this.#filters.clear();
  }

  /** In ascending order of id. */
  all(): ReceiveFilter[] {
    return [...this.#filters.values()].sort((a, b) => a.id - b.id);
  }

  ofQueue(queueId: number): ReceiveFilter[] {
    return this.all().filter((filter) => filter.queueId === queueId);
  }

  ownedBy(owner: number): ReceiveFilter[] {
    return this.all().filter((filter) => filter.owner === owner);
  }

  get count(): number {
    return this.#filters.size;
  }
}
