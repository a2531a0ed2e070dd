/**
 * The receive-filter capability sets of one adapter: what the miniport registered as its hardware, and what is
 * current. NDIS answers all capability queries from here (CAP-16) and hands the current set to every binding.
 */
import {
  NDIS_RECEIVE_FILTER_CAPABILITIES as CODEC,
  NDIS_OBJECT_TYPE_DEFAULT,
  type NdisReceiveFilterCapabilities,
  refusalText,
} from '@vmq/abi';
import type { AdapterRefusals } from '../diagnostics/refusal-log.ts';
import { CAPABILITY_RULES, lookaheadSplit, vmqEnabled } from './capability-rules.ts';

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

  /** Sizes at which frames can be split, in bytes; null without the split. */
  get split(): { readonly min: number; readonly max: number } | null {
    return this.current === null ? null : lookaheadSplit(this.current.value, this.version);
  }

  /**
   * From the hardware-assist attributes: both null or both set (CAP-03). Without a current set receive filtering is off
   * (DIS-04); hardware that nothing is said of can do what is current.
   */
  register(hardware: Uint8Array | null, current: Uint8Array | null): void {
    if ((hardware === null) !== (current === null)) {
      this.#log.advise(
        'CAP-03',
        'NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES',
        'both receive-filter capability pointers NULL or both set',
        hardware === null ? 'only the current set' : 'only the hardware set',
      );
    }
    const hardwareSet = this.#read(hardware, 'hardware');
    this.current = this.#read(current, 'current');
    this.hardware = hardwareSet ?? this.current;
  }

  /** Takes an indicated set over (CAP-18); false if it cannot be read: the old one stays. */
  replace(which: 'hardware' | 'current', bytes: Uint8Array): boolean {
    const set = this.#decode(bytes, which);
    if (set === null) return false;
    this[which] = this.#judge(set, which);
    return true;
  }

  /** The set that `bytes` hold, as far as they can be read; null if not at all: no receive filtering. */
  #read(bytes: Uint8Array | null, which: 'hardware' | 'current'): CapabilitySet | null {
    if (bytes === null) return null;
    const set = this.#decode(bytes, which) ?? readMended(bytes);
    return set === null ? null : this.#judge(set, which);
  }

  #decode(bytes: Uint8Array, which: 'hardware' | 'current'): CapabilitySet | null {
    const decoded = CODEC.decode(bytes);
    if (decoded.ok) return { bytes, value: decoded.value };
    const found = `${which} set: ${refusalText(decoded.refusal)}`;
    this.#log.advise('CAP-04', CODEC.name, 'a whole structure with its header', found);
    return null;
  }

  /** Writes down what pages ask of the set and it does not keep. */
  #judge({ bytes, value }: CapabilitySet, which: 'hardware' | 'current'): CapabilitySet {
    for (const { rule, page, expected, found } of CAPABILITY_RULES) {
      const what = found({ value, which, version: this.version });
      if (what !== null) this.#log.advise(rule, page, expected, `${which} set: ${what}`);
    }
    return { bytes: new Uint8Array(bytes.subarray(0, value.Header.Size)), value };
  }
}

/** Reads the newest revision that fits, whatever the header says; null if not even the first does. */
function readMended(bytes: Uint8Array): CapabilitySet | null {
  const mended = new Uint8Array(bytes);
  const view = new DataView(mended.buffer);
  const head = mended.length < CODEC.sizeOf(1) ? 0 : view.getUint16(2, true);
  const room = Math.min(mended.length, head);
  const revision = [2, 1].find((one) => one <= Math.max(mended[1] ?? 0, 1) && CODEC.sizeOf(one) <= room);
  if (revision === undefined) return null;
  mended[0] = NDIS_OBJECT_TYPE_DEFAULT;
  mended[1] = revision;
  view.setUint16(2, CODEC.sizeOf(revision), true);
  const decoded = CODEC.decode(mended);
  return decoded.ok ? { bytes: mended, value: decoded.value } : null;
}
