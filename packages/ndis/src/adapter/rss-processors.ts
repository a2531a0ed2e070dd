/**
 * The processors that NDIS gives an adapter's queues, from its keywords. They are NDIS's to read: a driver asks for
 * NdisGetRssProcessorInformation (INT-07), and with VMQ on may not even look at some of them (CAP-24).
 *
 *   0 ... base-1 │ base ... of these at most *MaxRssProcessors ... *RssMaxProcNumber │ the rest
 */
import type { RssProcessorSet } from '../memory/interrupt-messages.ts';

export interface RssProcessorOptions {
  readonly keywords?: Readonly<Record<string, number | string>>;
  readonly rssProcessors?: readonly number[];
  readonly rssBaseProcessor?: number;
  readonly numaNode?: number;
}

/** Keywords that leave no processor of the machine count as absent. */
export function rssProcessorSet(options: RssProcessorOptions, processorCount: number): RssProcessorSet {
  const { keywords = {}, rssProcessors, rssBaseProcessor, numaNode } = options;
  const valueSaid = (keyword: string): number | undefined => {
    const value = Number(Object.hasOwn(keywords, keyword) ? keywords[keyword] : Number.NaN);
    return Number.isInteger(value) && value >= 0 ? value : undefined;
  };
  const all = Array.from({ length: processorCount }, (_, i) => i);
  const base = rssBaseProcessor ?? valueSaid('*RssBaseProcNumber');
  const left = all
    .filter((processor) => processor >= (base ?? 0))
    .filter((processor) => processor <= (valueSaid('*RssMaxProcNumber') ?? processorCount))
    .slice(0, valueSaid('*MaxRssProcessors') || processorCount);
  const processors = rssProcessors ?? (left.length > 0 ? left : all);
  return {
    processors,
    baseProcessor: base !== undefined && base < processorCount ? base : Math.min(...processors),
    preferredNumaNode: numaNode ?? 0,
  };
}
