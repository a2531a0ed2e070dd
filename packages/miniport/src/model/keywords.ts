/**
 * The standardized INF keywords that decide whether this adapter does VMQ, RSS or SR-IOV (CAP-19 to CAP-24).
 *
 *   *SriovPreferred   *RssOrVmqPreference   *SRIOV   *VMQ   *RSS   current set
 *   1                 any                   1        any    –      SR-IOV, and VMQ over virtual ports
 *   1                 1                     0        1      –      VMQ
 *   1                 any                   0        0      –      none
 *   1                 0 or absent           0        1      –      none (the page is silent)
 *   0 or absent       1                     –        1      –      VMQ
 *   0 or absent       1                     –        0      –      none
 *   0 or absent       0 or absent           –        –      1      RSS
 *   0 or absent       0 or absent           –        –      0      none
 *
 * A keyword that must be 1 and is absent counts as not set (CAP-22). The keywords of a side that was not preferred are
 * not even read (CAP-20); hardware without SR-IOV has no keywords of it, and reads neither of the first kind.
 */
import type { MiniportAdapter } from '@vmq/ddi';

export interface ReceiveMode {
  readonly mode: 'vmq' | 'rss' | 'sriov' | 'none';
  /** *VMQVlanFiltering: VLAN tests are advertised. */
  readonly vlanFiltering: boolean;
  /** *VMQLookaheadSplit: 6.20 only. */
  readonly lookaheadSplit: boolean;
}

const off = (mode: 'rss' | 'none'): ReceiveMode => ({ mode, vlanFiltering: false, lookaheadSplit: false });

/** Reads the keywords, in the order and as far as they count. `sriov`: the hardware has SR-IOV. */
export function readReceiveMode(adapter: MiniportAdapter, sriov: boolean = false): ReceiveMode {
  const isSet = (keyword: string): boolean => Number(adapter.readConfiguration(keyword) ?? 0) === 1;
  const sriovPreferred = sriov && isSet('*SriovPreferred');
  const vmqPreferred = isSet('*RssOrVmqPreference');
  if (sriovPreferred && isSet('*SRIOV'))
    return { mode: 'sriov', vlanFiltering: isSet('*VMQVlanFiltering'), lookaheadSplit: false };
  if (!vmqPreferred) return off(!sriovPreferred && isSet('*RSS') ? 'rss' : 'none');
  if (!isSet('*VMQ')) return off('none');
  return {
    mode: 'vmq',
    vlanFiltering: isSet('*VMQVlanFiltering'),
    lookaheadSplit: isSet('*VMQLookaheadSplit'),
  };
}

/** *InterruptModeration: 1 = on; off when absent. */
export function readInterruptModeration(adapter: MiniportAdapter): boolean {
  return Number(adapter.readConfiguration('*InterruptModeration') ?? 0) === 1;
}

/** *JumboPacket: frame bytes with header and without FCS and tag; 1514 when absent. */
export function readJumboPacket(adapter: MiniportAdapter): number {
  return Number(adapter.readConfiguration('*JumboPacket') ?? 1514);
}
