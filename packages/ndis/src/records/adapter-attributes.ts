/**
 * NdisMSetMiniportAttributes: registration, general and hardware-assist attributes in this order, then perhaps
 * offload attributes. NDIS refuses a revision that it does not know and nothing else (INIT-01); what pages ask besides
 * is advice (INIT-02, INIT-21).
 */
import {
  NDIS_MAC_OPTION_8021P_PRIORITY,
  NDIS_MEDIA_CONNECT_STATE,
  NDIS_MEDIA_DUPLEX_STATE,
  NDIS_PHYSICAL_MEDIUM,
  NDIS_STATUS_BAD_VERSION,
  NDIS_STATUS_SUCCESS,
  NDIS_SUPPORTED_PAUSE_FUNCTIONS,
} from '@vmq/abi';
import type { BindParameters, MiniportAdapterAttributes } from '@vmq/ddi';
import type { AdapterRefusals } from '../diagnostics/refusal-log.ts';
import type { GeneralInformation } from './adapter-core.ts';
import type { Capabilities, MiniportVersion } from './capabilities.ts';

type AttributeType = MiniportAdapterAttributes['type'];
type General = Extract<MiniportAdapterAttributes, { readonly type: 'general' }>;

/** What has to be set before attributes of a type. */
const BEFORE: Readonly<Record<AttributeType, readonly AttributeType[]>> = {
  registration: [],
  general: ['registration'],
  'hardware-assist': ['registration', 'general'],
  offload: ['registration', 'general'],
};
const FUNCTION_PAGE = 'NdisMSetMiniportAttributes';
const HARDWARE_ASSIST_PAGE = 'NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES';
const MAC_BYTES = 6;

/** What a miniport that says nothing of its link has: the speed it was made for. */
function withDefaults(general: General): GeneralInformation {
  const speed = BigInt(general.maxXmitLinkSpeed);
  return {
    ...general,
    physicalMedium: general.physicalMedium ?? NDIS_PHYSICAL_MEDIUM.NdisPhysicalMedium802_3,
    recvScaleCapabilities: general.recvScaleCapabilities ?? null,
    linkState: general.linkState ?? {
      MediaConnectState: NDIS_MEDIA_CONNECT_STATE.MediaConnectStateConnected,
      MediaDuplexState: NDIS_MEDIA_DUPLEX_STATE.MediaDuplexStateFull,
      XmitLinkSpeed: speed,
      RcvLinkSpeed: speed,
      PauseFunctions: NDIS_SUPPORTED_PAUSE_FUNCTIONS.NdisPauseFunctionsUnsupported,
      AutoNegotiationFlags: 0,
    },
  };
}

/** The revisions that an NDIS of version `ndis` knows. */
function knownRevisions(type: AttributeType, ndis: MiniportVersion): readonly number[] {
  if (type === 'offload') return [1];
  if (type !== 'hardware-assist') return [1, 2];
  if (ndis === 620) return [1, 2];
  return ndis === 630 ? [1, 2, 3] : [1, 2, 3, 4];
}

/** INIT-02: the revisions of hardware-assist attributes that were made for a miniport's version. */
const HARDWARE_ASSIST_REVISIONS: Readonly<Record<MiniportVersion, readonly number[]>> = {
  620: [2],
  630: [3],
  660: [3, 4],
};

export class AdapterAttributes {
  general: GeneralInformation | null = null;
  /** NIC-switch capabilities as registered or indicated; carried to bindings and queries, not interpreted. */
  hardwareNicSwitchCapabilities: Uint8Array | null = null;
  nicSwitchCapabilities: Uint8Array | null = null;
  /** NDIS_MINIPORT_ATTRIBUTES_* of the registration attributes. */
  flags = 0;
  /** CheckForHangTimeInSeconds of the registration attributes; 0 = NDIS's own. */
  checkForHangSeconds = 0;
  readonly encapsulation: { supported: boolean; enabled: boolean } = { supported: false, enabled: false };
  readonly #version: MiniportVersion;
  readonly #capabilities: Capabilities;
  readonly #log: AdapterRefusals;
  /** Version of the host's NDIS, which is at least the miniport's. */
  readonly #ndis: MiniportVersion;
  readonly #set = new Set<AttributeType>();

  constructor(
    version: MiniportVersion,
    hostVersion: 620 | 630,
    capabilities: Capabilities,
    log: AdapterRefusals,
  ) {
    this.#version = version;
    this.#ndis = version > hostVersion ? version : hostVersion;
    this.#capabilities = capabilities;
    this.#log = log;
  }

  has(type: AttributeType): boolean {
    return this.#set.has(type);
  }

  /** SUCCESS, BAD_VERSION. */
  set(attributes: MiniportAdapterAttributes): number {
    const { type, revision } = attributes;
    const revisions = knownRevisions(type, this.#ndis);
    if (!revisions.includes(revision)) {
      const expected = `${type} attributes of revision ${revisions.join(' or ')}`;
      return this.#log.refuse(
        { rule: 'INIT-01', status: NDIS_STATUS_BAD_VERSION, expected },
        `revision ${revision}`,
      );
    }
    const missing = BEFORE[type].find((earlier) => !this.#set.has(earlier));
    if (missing !== undefined)
      this.#log.advise('INIT-01', FUNCTION_PAGE, `${missing} attributes first`, type);
    this.#apply(attributes);
    this.#set.add(type);
    return NDIS_STATUS_SUCCESS;
  }

  #apply(attributes: MiniportAdapterAttributes): void {
    switch (attributes.type) {
      case 'registration':
        this.flags = attributes.attributeFlags;
        this.checkForHangSeconds = attributes.checkForHangTimeInSeconds ?? 0;
        return;
      case 'general':
        if ((attributes.macOptions & NDIS_MAC_OPTION_8021P_PRIORITY) === 0)
          this.#log.advise('CAP-34', 'OID_GEN_MAC_OPTIONS', '8021P_PRIORITY in MacOptions', 'none');
        this.general = withDefaults({
          ...attributes,
          permanentMacAddress: this.#sixBytes(attributes.permanentMacAddress),
          currentMacAddress: this.#sixBytes(attributes.currentMacAddress),
        });
        return;
      case 'hardware-assist':
        this.#assist(attributes);
        return;
      case 'offload': {
        const { hardware, current } = attributes.encapsulatedPacketVmq;
        if (current && !hardware)
          this.#log.advise(
            'OFF-06',
            'NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES',
            'current offloads that the hardware has',
            'VMQ on encapsulated packets',
          );
        this.encapsulation.supported = hardware;
        this.encapsulation.enabled = hardware && current;
      }
    }
  }

  #assist(attributes: Extract<MiniportAdapterAttributes, { readonly type: 'hardware-assist' }>): void {
    const { revision } = attributes;
    const made = HARDWARE_ASSIST_REVISIONS[this.#version];
    if (!made.includes(revision)) {
      const expected = `hardware-assist attributes of revision ${made.join(' or ')}`;
      this.#log.advise('INIT-02', HARDWARE_ASSIST_PAGE, expected, `revision ${revision}`);
    }
    // Revision 1 ends before the capabilities.
    const has = revision >= 2;
    this.hardwareNicSwitchCapabilities = (has && attributes.hardwareNicSwitchCapabilities) || null;
    this.nicSwitchCapabilities = (has && attributes.currentNicSwitchCapabilities) || null;
    this.#capabilities.register(
      has ? attributes.hardwareReceiveFilterCapabilities : null,
      has ? attributes.currentReceiveFilterCapabilities : null,
    );
  }

  /** An Ethernet address: the first six bytes, or what there is of them. */
  #sixBytes(address: Uint8Array): Uint8Array {
    if (address.length === MAC_BYTES) return address;
    const page = 'NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES';
    this.#log.advise('INIT-01', page, 'MAC addresses of 6 bytes', `${address.length} bytes`);
    const six = new Uint8Array(MAC_BYTES);
    six.set(address.subarray(0, MAC_BYTES));
    return six;
  }

  /** NDIS_BIND_PARAMETERS with the current sets (INIT-05 to INIT-07). Only once the general attributes are set. */
  bindParameters(adapterName: string): BindParameters {
    const { general } = this;
    if (general === null) throw new Error(`adapter ${adapterName} has no general attributes`);
    return {
      adapterName,
      revision: this.#version === 620 ? 3 : 4,
      mtuSize: general.mtuSize,
      maxXmitLinkSpeed: general.maxXmitLinkSpeed,
      currentMacAddress: general.currentMacAddress,
      receiveFilterCapabilities: this.#capabilities.current?.bytes.slice() ?? null,
      nicSwitchCapabilities: this.nicSwitchCapabilities?.slice() ?? null,
      nicSwitchArray: [],
    };
  }
}
