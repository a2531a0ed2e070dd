/**
 * The standardized INF keywords that decide whether this adapter does VMQ or RSS (CAP-19 to CAP-24).
 *
 *   *RssOrVmqPreference   *VMQ   *RSS     current set
 *   1                     1      –        VMQ
 *   1                     0      –        none
 *   0 or absent           –      1        RSS
 *   0 or absent           –      0        none
 *
 * A keyword that must be 1 and is absent counts as not set (CAP-22). The keywords of the side that was not
 * preferred are not even read (CAP-20).
 */
import type { MiniportAdapter } from '@vmq/ndis';

export interface ReceiveMode {
  readonly mode: 'vmq' | 'rss' | 'none';
  /** *VMQVlanFiltering: VLAN tests are advertised. */
  readonly vlanFiltering: boolean;
  /** *VMQLookaheadSplit: 6.20 only. */
  readonly lookaheadSplit: boolean;
}

export function readReceiveMode(adapter: MiniportAdapter): ReceiveMode {
  const isSet = (keyword: string): boolean => Number(adapter.readConfiguration(keyword) ?? 0) === 1;
  if (!isSet('*RssOrVmqPreference')) {
    return { mode: isSet('*RSS') ? 'rss' : 'none', vlanFiltering: false, lookaheadSplit: false };
  }
  if (!isSet('*VMQ')) return { mode: 'none', vlanFiltering: false, lookaheadSplit: false };
  return {
    mode: 'vmq',
    vlanFiltering: isSet('*VMQVlanFiltering'),
    lookaheadSplit: isSet('*VMQLookaheadSplit'),
  };
}

/** *JumboPacket: frame bytes with header and without FCS and tag; 1514 when absent. */
export function readJumboPacket(adapter: MiniportAdapter): number {
  return Number(adapter.readConfiguration('*JumboPacket') ?? 1514);
}
