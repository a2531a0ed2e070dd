/**
 * NdisMSetMiniportAttributes: registration, general and hardware-assist attributes in this order, then perhaps
 * offload attributes, each with a revision that NDIS knows (requirements INIT-01, INIT-02).
 */
import {
  NDIS_STATUS_BAD_VERSION,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import type { Capabilities, MiniportVersion } from './capabilities.ts';
import type { MiniportAdapterAttributes } from './miniport-driver.ts';
import type { BindParameters } from './protocol-driver.ts';
import type { AdapterRefusals } from './refusal-log.ts';

type AttributeType = MiniportAdapterAttributes['type'];
type General = Extract<MiniportAdapterAttributes, { readonly type: 'general' }>;

const ORDER: readonly AttributeType[] = ['registration', 'general', 'hardware-assist', 'offload'];

/** Known revisions: of the first two any that NDIS 6.0 to 6.30 defined; of hardware assist the version's own. */
function knownRevisions(type: AttributeType, version: MiniportVersion): readonly number[] {
  if (type === 'offload') return [1];
  if (type !== 'hardware-assist') return [1, 2];
  if (version === 620) return [2];
  return version === 630 ? [3] : [3, 4];
}

export class AdapterAttributes {
  general: General | null = null;
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
  readonly #set = new Set<AttributeType>();

  constructor(version: MiniportVersion, capabilities: Capabilities, log: AdapterRefusals) {
    this.#version = version;
    this.#capabilities = capabilities;
    this.#log = log;
  }

  has(type: AttributeType): boolean {
    return this.#set.has(type);
  }

  /** SUCCESS, BAD_VERSION, INVALID_PARAMETER, FAILURE (out of order). */
  set(attributes: MiniportAdapterAttributes): number {
    const { type, revision } = attributes;
    const missing = ORDER.slice(0, ORDER.indexOf(type)).find((earlier) => !this.#set.has(earlier));
    if (missing !== undefined)
      return this.#log.refuse('INIT-01', 0, NDIS_STATUS_FAILURE, `${missing} attributes first`, type);
    const revisions = knownRevisions(type, this.#version);
    if (!revisions.includes(revision)) {
      const rule = type === 'hardware-assist' ? 'INIT-02' : 'INIT-01';
      const expected = `${type} attributes of revision ${revisions.join(' or ')}`;
      return this.#log.refuse(rule, 0, NDIS_STATUS_BAD_VERSION, expected, `revision ${revision}`);
    }
    const status = this.#apply(attributes);
    if (status === NDIS_STATUS_SUCCESS) this.#set.add(type);
    return status;
  }

  #apply(attributes: MiniportAdapterAttributes): number {
    if (attributes.type === 'general') {
      const { permanentMacAddress, currentMacAddress } = attributes;
      if (permanentMacAddress.length !== 6 || currentMacAddress.length !== 6) {
        const found = `${permanentMacAddress.length} and ${currentMacAddress.length} bytes`;
        return this.#log.refuse(
          'INIT-01',
          0,
          NDIS_STATUS_INVALID_PARAMETER,
          'MAC addresses of 6 bytes',
          found,
        );
      }
      this.general = attributes;
    }
    if (attributes.type === 'registration') {
      this.flags = attributes.attributeFlags;
      this.checkForHangSeconds = attributes.checkForHangTimeInSeconds ?? 0;
    }
    if (attributes.type === 'offload') {
      const { hardware, current } = attributes.encapsulatedPacketVmq;
      if (current && !hardware)
        return this.#log.refuse(
          'OFF-06',
          0,
          NDIS_STATUS_INVALID_PARAMETER,
          'current offloads that the hardware has',
          'VMQ on encapsulated packets',
        );
      this.encapsulation.supported = hardware;
      this.encapsulation.enabled = current;
    }
    if (attributes.type === 'hardware-assist') {
      this.hardwareNicSwitchCapabilities = attributes.hardwareNicSwitchCapabilities ?? null;
      this.nicSwitchCapabilities = attributes.currentNicSwitchCapabilities ?? null;
      return this.#capabilities.register(
        attributes.hardwareReceiveFilterCapabilities,
        attributes.currentReceiveFilterCapabilities,
      );
    }
    return NDIS_STATUS_SUCCESS;
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
