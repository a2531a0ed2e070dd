/** The device's trace records (kinds 100 to 199) and what they say in words. */
import type { TraceRecord } from '@vmq/machine';
import { msiProcessor } from '@vmq/machine';
import { FLTVLAN_ANY, FLTVLAN_EXACT } from '../registers/register-constants.ts';
import { ADDRESS_RULES } from './address-rules.ts';
import { NIC_DROP_REASONS } from './drop-reasons.ts';

/** Kind numbers; what a..e hold stands beside each. A frame's records carry its receive stamp. */
export const NIC_TRACE = {
  /** a length on the wire, b destination bytes 0..3, c bytes 4..5, d TCI or -1, e EtherType behind the tag. */
  FRAME: 100,
  /** a slot, b queue, c bits: 0 active, 1 MAC equal, 2 VLAN equal, 3 passes; d mode << 16 | VLAN id, e frame's TCI or -1. */
  FILTER_TEST: 101,
  /** a index into ADDRESS_RULES, b queue or -1. */
  ADDRESS_FILTER: 102,
  /** a queue, b filter slot or -1. */
  QUEUE: 103,
  /** a queue, b descriptor number, c packet segment, d packet offset, e header offset (split queues) or -1. */
  DESCRIPTOR: 104,
  /** a segment, b offset, c bytes written. */
  DMA: 105,
  /** a queue, b completion number, c word 0, d word 1, e byte offset of the completion. */
  COMPLETION: 106,
  /** a queue, b MSI-X entry, c result (INTERRUPT_RESULTS), d message address, e message data. */
  INTERRUPT: 107,
  /** a index into NIC_DROP_REASONS, b queue or -1. */
  DROP: 108,
  /** With RCTL.NVGRE: a inner destination bytes 0..3, b bytes 4..5; b -1 = no inner frame, the outer is tested. */
  INNER_FRAME: 109,
  /** a transmit queue, b descriptor of the frame's start, c bytes put on the wire, 0 = refused, d TCI inserted or -1, e descriptors. */
  TRANSMIT: 110,
  /** A fault of the device: a index into VERDICT_PARTS, b what the record says, c what the filter unit's tests say. */
  VERDICT_DIFFERS: 111,
} as const;

/** What record and explanation of a frame can differ in; index = code in the trace. */
export const VERDICT_PARTS = [
  'length',
  'TCI',
  'EtherType',
  'drop reason',
  'queue',
  'filter slot',
  'address rule',
  'inexact',
] as const;
export type VerdictPart = (typeof VERDICT_PARTS)[number];

/** What became of an interrupt; index = code. */
export const INTERRUPT_RESULTS = [
  'sent',
  'masked: pending bit set',
  'held back by moderation',
  'not armed',
  'nothing new',
  'MSI-X entry does not exist',
] as const;

const hex = (value: number, digits: number): string => (value >>> 0).toString(16).padStart(digits, '0');

function mac(high: number, low: number): string {
  const digits = (hex(high, 8) + hex(low & 0xffff, 4)).toUpperCase();
  return (digits.match(/../g) ?? []).join('-');
}

const vlan = (tci: number): string => (tci < 0 ? 'untagged' : `VLAN ${tci & 0xfff} priority ${tci >> 13}`);
const yesNo = (value: boolean): string => (value ? 'yes' : 'no');

function filterTest(r: TraceRecord): string {
  const mode = r.d >> 16;
  const frame = r.e < 0 ? 'untagged' : `VLAN ${r.e & 0xfff}`;
  const wanted =
    mode === FLTVLAN_ANY ? 'any VLAN' : mode === FLTVLAN_EXACT ? `VLAN ${r.d & 0xfff}` : 'untagged or VLAN 0';
  if ((r.c & 1) === 0) return `filter ${r.a}: inactive, queue ${r.b} is not enabled`;
  const equal = `MAC equal ${yesNo((r.c & 2) !== 0)}, ${wanted} (frame ${frame}) ${yesNo((r.c & 4) !== 0)}`;
  return `filter ${r.a}: ${equal}${(r.c & 8) !== 0 ? ` → queue ${r.b}` : ''}`;
}

/** One line for a person, or null for a record that is not the device's. */
export function describeNicTrace(r: TraceRecord): string | null {
  switch (r.kind) {
    case NIC_TRACE.FRAME:
      return `frame ${r.stamp}: ${r.a} bytes to ${mac(r.b, r.c)}, ${vlan(r.d)}, type 0x${hex(r.e, 4)}`;
    case NIC_TRACE.FILTER_TEST:
      return filterTest(r);
    case NIC_TRACE.ADDRESS_FILTER:
      return `no filter matched; address filter: ${ADDRESS_RULES[r.a]}${r.b >= 0 ? ` → queue ${r.b}` : ''}`;
    case NIC_TRACE.QUEUE:
      return `queue ${r.a}: ${r.b >= 0 ? `by filter ${r.b}` : 'default queue'}`;
    case NIC_TRACE.DESCRIPTOR:
      return `queue ${r.a}: descriptor ${r.b}, buffer ${r.c}:0x${hex(r.d, 8)}${r.e >= 0 ? `, header buffer 0x${hex(r.e, 8)}` : ''}`;
    case NIC_TRACE.DMA:
      return `DMA: ${r.c} bytes written to ${r.a}:0x${hex(r.b, 8)}`;
    case NIC_TRACE.COMPLETION:
      return `queue ${r.a}: completion ${r.b}, ${r.c & 0xffff} bytes, status 0x${hex(r.c >>> 16, 4)} at 0:0x${hex(r.e, 8)}`;
    case NIC_TRACE.INTERRUPT: {
      const target = `processor ${msiProcessor(r.d >>> 0)} vector ${r.e & 0xff}`;
      return `queue ${r.a}: interrupt by MSI-X entry ${r.b} (${target}): ${INTERRUPT_RESULTS[r.c]}`;
    }
    case NIC_TRACE.INNER_FRAME:
      return r.b < 0
        ? 'NVGRE: no frame inside, filters test the outer destination'
        : `NVGRE: filters test the inner destination ${mac(r.a, r.b)}`;
    case NIC_TRACE.VERDICT_DIFFERS:
      return `FAULT: the record says ${VERDICT_PARTS[r.a]} ${r.b}, the filter unit's tests say ${r.c}`;
    case NIC_TRACE.TRANSMIT: {
      if (r.c === 0) return `transmit queue ${r.a}: descriptor ${r.b} refused`;
      const tag = r.d < 0 ? '' : `, with tag ${r.d & 0xfff} priority ${r.d >> 13}`;
      const pieces = r.e === 1 ? '' : ` from ${r.e} descriptors`;
      return `transmit queue ${r.a}: descriptor ${r.b}: ${r.c} bytes put on the wire${pieces}${tag}`;
    }
    case NIC_TRACE.DROP:
      return `dropped: ${(NIC_DROP_REASONS[r.a] ?? '?').slice('dropped.nic.'.length)}${r.b >= 0 ? ` (queue ${r.b})` : ''}`;
    default:
      return null;
  }
}
