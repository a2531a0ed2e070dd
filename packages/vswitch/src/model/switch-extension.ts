/**
 * What an extension of the switch is to its control path (SW-25, IND-07), as Hyper-V arranges them:
 *
 *   the switch's requests │                              ^ the adapter's status indications
 *                         v                              │
 *   capturing    sees everything, changes and refuses nothing
 *   filtering    sees requests and indications, drops frames
 *   forwarding   (one at most) also changes or vetoes ALLOCATE_QUEUE and SET_FILTER, and changes indications
 *                         │                              ^
 *                         v  external adapter            │
 *
 * The structures carry a pointer in C; here they are objects around the request or the indication itself, whose
 * bytes keep their exact layout.
 */
import type { OidRequest, StatusIndication } from '@vmq/ddi';

export type SwitchExtensionType = 'capturing' | 'filtering' | 'forwarding';

/** NDIS_SWITCH_DEFAULT_PORT_ID: the request or indication is of no single port. */
export const NDIS_SWITCH_DEFAULT_PORT_ID = 0;
/** NDIS_SWITCH_DEFAULT_NIC_INDEX: the NIC of a VM port; of the external port, its adapters as a whole. */
export const NDIS_SWITCH_DEFAULT_NIC_INDEX = 0;

/** NDIS_SWITCH_NIC_OID_REQUEST: content of an OID_SWITCH_NIC_REQUEST. */
export interface SwitchNicOidRequest {
  /** Reserved, zero. */
  readonly flags: number;
  /** Port of the VM for which the switch asks; NDIS_SWITCH_DEFAULT_PORT_ID where it asks for several. */
  readonly sourcePortId: number;
  readonly sourceNicIndex: number;
  /** Always the external port, which is number 0 in this model. */
  readonly destinationPortId: number;
  readonly destinationNicIndex: number;
  readonly oidRequest: OidRequest;
}

/** NDIS_SWITCH_NIC_STATUS_INDICATION: content of an NDIS_STATUS_SWITCH_NIC_STATUS. */
export interface SwitchNicStatusIndication {
  /** Reserved, zero. */
  readonly flags: number;
  /** The external port. */
  readonly sourcePortId: number;
  readonly sourceNicIndex: number;
  readonly destinationPortId: number;
  readonly destinationNicIndex: number;
  readonly statusIndication: StatusIndication;
}

/** An extension's control path; handlers run at PASSIVE_LEVEL and are synchronous. */
export interface SwitchExtension {
  /** Unique on the switch. */
  readonly name: string;
  readonly type: SwitchExtensionType;
  /**
   * FilterOidRequest with OID_SWITCH_NIC_REQUEST. NDIS_STATUS_SUCCESS lets it go on; any other status completes it
   * with that status: a veto, which counts only from a forwarding extension and only for ALLOCATE_QUEUE and
   * SET_FILTER (NDIS_STATUS_DATA_NOT_ACCEPTED is usual).
   */
  nicRequest?(request: SwitchNicOidRequest): number;
  /** FilterOidRequestComplete, for requests it let go on; in reverse order. */
  nicRequestComplete?(request: SwitchNicOidRequest, status: number): void;
  /**
   * FilterStatus with NDIS_STATUS_SWITCH_NIC_STATUS. Returns the indication that goes on: the one it got or, from a
   * forwarding extension, a changed one.
   */
  nicStatus?(indication: SwitchNicStatusIndication): StatusIndication;
  /** Name under which the processors know its {@link SwitchExtensionDataPathFactory}; '' or absent = none. */
  readonly dataPathFactory?: string;
  /** What that factory is given on every processor; survives a structured clone. */
  readonly dataPathImage?: unknown;
}

/** What an extension did to a request or an indication. */
export interface SwitchExtensionRecord {
  /** From 1 up. */
  readonly sequence: number;
  readonly extension: string;
  readonly event: /** It completed ALLOCATE_QUEUE or SET_FILTER with a failure: the port is served from queue 0 (SW-08). */
    | 'vetoed'
    /** It tried to veto what it must not; the request went on. */
    | 'veto-ignored'
    /** It changed what it must not; the original went on. */
    | 'change-ignored'
    /** A forwarding extension changed an indication of the adapter. */
    | 'indication-changed';
  /** OID of the encapsulated request, or 0. */
  readonly oid: number;
  /** Encapsulated status code, or 0. */
  readonly statusCode: number;
  readonly sourcePortId: number;
  /** What the extension answered a request with. */
  readonly status: number;
}

const ORDER: Readonly<Record<SwitchExtensionType, number>> = { capturing: 0, filtering: 1, forwarding: 2 };

/**
 * The extensions in the order in which requests and incoming frames pass them: by type, within a type as given.
 * Throws for names that are not unique and for a second forwarding extension.
 */
export function orderExtensions(
  switchName: string,
  extensions: readonly SwitchExtension[],
): readonly SwitchExtension[] {
  const names = extensions.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new RangeError(`switch ${switchName}: two extensions are named '${twice}'`);
  const forwarding = extensions.filter(({ type }) => type === 'forwarding').map(({ name }) => name);
  if (forwarding.length > 1)
    throw new RangeError(`switch ${switchName}: one forwarding extension, got ${forwarding.join(', ')}`);
  return [...extensions].sort((x, y) => ORDER[x.type] - ORDER[y.type]);
}
