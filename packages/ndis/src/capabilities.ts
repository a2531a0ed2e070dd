/**
 * The receive-filter capability sets of one adapter: what the miniport registered as its hardware, and what is
 * current. NDIS answers all capability queries from here (CAP-16) and hands the current set to every binding.
 */
import {
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_RECEIVE_FILTER_CAPABILITIES,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_SUCCESS,
  type NdisReceiveFilterCapabilities,
  refusalText,
} from '@vmq/abi';
import { CAPABILITY_RULES, isZeroed, vmqEnabled } from './capability-rules.ts';
import type { AdapterRefusals } from './refusal-log.ts';

/** NDIS version of a miniport as one number. */
export type MiniportVersion = 620 | 630 | 660;

/** The version the codecs know for a miniport's version. */
export function abiVersion(version: MiniportVersion): 620 | 630 {
  return version === 620 ? 620 : 630;
}

/** One set: its bytes as registered, and what they say. */
export interface CapabilitySet {
  readonly bytes: Uint8Array;
  readonly value: NdisReceiveFilterCapabilities;
}

export class Capabilities {
  readonly version: MiniportVersion;
  /** Null without receive filtering. */
  hardware: CapabilitySet | null = null;
  /** Null without receive filtering; zeroed where it is disabled. */
  current: CapabilitySet | null = null;
  readonly #log: AdapterRefusals;

  constructor(version: MiniportVersion, log: AdapterRefusals) {
    this.version = version;
    this.#log = log;
  }

  /** VM queues and their filters are current. */
  get vmqCurrent(): boolean {
    return this.current !== null && vmqEnabled(this.current.value);
  }

  /** Queues besides the default queue. */
  get queueLimit(): number {
    return this.current?.value.NumQueues ?? 0;
  }

  get filterLimit(): number {
    return this.current?.value.MaxMacHeaderFilters ?? 0;
  }

  /** From the hardware-assist attributes: both null or both set (CAP-03). */
  register(hardware: Uint8Array | null, current: Uint8Array | null): number {
    if ((hardware === null) !== (current === null)) {
      return this.#log.refuse(
        'CAP-03',
        0,
        NDIS_STATUS_INVALID_PARAMETER,
        'both receive-filter capability pointers NULL or both set',
        hardware === null ? 'only the current set' : 'only the hardware set',
      );
    }
    if (hardware === null || current === null) {
      this.hardware = null;
      this.current = null;
      return NDIS_STATUS_SUCCESS;
    }
    const hardwareSet = this.judge(hardware, 'hardware');
    if (hardwareSet === null) return NDIS_STATUS_INVALID_PARAMETER;
    const currentSet = this.judge(current, 'current');
    if (currentSet === null) return NDIS_STATUS_INVALID_PARAMETER;
    this.hardware = hardwareSet;
    this.current = currentSet;
    return NDIS_STATUS_SUCCESS;
  }

  /** Takes an indicated set over (CAP-18); false if it is refused. */
  replace(which: 'hardware' | 'current', bytes: Uint8Array): boolean {
    const set = this.judge(bytes, which);
    if (set === null) return false;
    this[which] = set;
    return true;
  }

  /** The set that `bytes` hold, or null with the refusal written down. */
  judge(bytes: Uint8Array, which: 'hardware' | 'current'): CapabilitySet | null {
    const refuse = (rule: string, expected: string, found: string): null => {
      this.#log.refuse(rule, 0, NDIS_STATUS_INVALID_PARAMETER, expected, `${which} set: ${found}`);
      return null;
    };
    const decoded = NDIS_RECEIVE_FILTER_CAPABILITIES.decode(bytes);
    if (!decoded.ok)
      return refuse('CAP-04', 'NDIS_RECEIVE_FILTER_CAPABILITIES', refusalText(decoded.refusal));
    const { value } = decoded;
    if (value.Header.Type !== NDIS_OBJECT_TYPE_DEFAULT)
      return refuse('CAP-04', 'header type DEFAULT', `type ${value.Header.Type}`);
    if (value.Header.Size !== NDIS_RECEIVE_FILTER_CAPABILITIES.sizeOf(value.Header.Revision <= 1 ? 1 : 2))
      return refuse('CAP-04', 'the size of its revision', `${value.Header.Size}`);
    const set = { bytes: new Uint8Array(bytes.subarray(0, value.Header.Size)), value };
    if (which === 'current' && isZeroed(value)) return set;
    for (const rule of CAPABILITY_RULES) {
      const found = rule.found({ value, which, version: this.version });
      if (found !== null) return refuse(rule.rule, rule.expected, found);
    }
    return set;
  }
}
