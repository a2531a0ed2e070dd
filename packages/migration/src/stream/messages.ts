/**
 * How a VM is put into bytes on its way from one host to another. All numbers are little-endian, as the machine's.
 *
 *   message    0  magic 'VMQM'      4  version 16 | kind 16     8  sequence, from 0    12  length of the body
 *             16  CRC-32 of bytes 0..15 and the body           20  body
 *
 *   hello      JSON: the VM, its memory's size and layout, its port's properties
 *   pages      round 32 | count 32 | count page numbers, ascending | count pages of 4096 bytes
 *   command    number 32: one of MIGRATION_COMMANDS
 *   reply      JSON: status, reason, the destination's clock and counters; from the destination, all else from the source
 *   state      CRC-32 of the whole memory | lengths of JSON, channel state, statistics | count of pages
 *              JSON: the channel, is it suspended | channel state | statistics (doubles) | page numbers | pages
 */

import { MIGRATION_COMMANDS, type MigrationCommand, type MigrationReply } from './commands.ts';
import { crc32 } from './crc32.ts';
import type { StoppedDescription, VmDescription } from './description.ts';

export const MIGRATION_MAGIC = 0x4d51_4d56;
/** 2: commands and replies travel as messages too. */
export const MIGRATION_VERSION = 2;
export const HEADER_BYTES = 20;
export const KIND_HELLO = 1;
export const KIND_PAGES = 2;
export const KIND_STATE = 3;
export const KIND_COMMAND = 4;
export const KIND_REPLY = 5;
/** Bytes before what varies in length. */
export const PAGES_HEAD = 8;
export const STATE_HEAD = 20;

/** Pages of a VM's memory: their numbers, ascending, and their bytes one after the other. */
export interface PageSet {
  readonly numbers: Uint32Array;
  readonly bytes: Uint8Array;
}

/** What ends the transfer: all that a VM is, besides the pages sent before. */
export interface VmState extends StoppedDescription {
  /** CRC-32 of the whole memory, to be found again on the other side. */
  readonly memoryCrc: number;
  /** The source host's private state of the channel. */
  readonly channelState: ArrayBuffer;
  readonly statistics: Float64Array;
  readonly pages: PageSet;
}

export type MigrationMessage =
  | { readonly kind: 'hello'; readonly description: VmDescription }
  | { readonly kind: 'pages'; readonly round: number; readonly pages: PageSet }
  | { readonly kind: 'state'; readonly state: VmState }
  | { readonly kind: 'command'; readonly command: MigrationCommand }
  | { readonly kind: 'reply'; readonly reply: MigrationReply };

/** Turns messages into bytes; one for each direction of a transfer, for it numbers them. */
export class MigrationEncoder {
  #sequence = 0;

  hello(description: VmDescription): Uint8Array {
    return migrationMessage(KIND_HELLO, this.#sequence++, [
      new TextEncoder().encode(JSON.stringify(description)),
    ]);
  }

  pages(round: number, { numbers, bytes }: PageSet): Uint8Array {
    const parts = [words([round, numbers.length]), words(numbers), bytes];
    return migrationMessage(KIND_PAGES, this.#sequence++, parts);
  }

  command(command: MigrationCommand): Uint8Array {
    return migrationMessage(KIND_COMMAND, this.#sequence++, [words([MIGRATION_COMMANDS.indexOf(command)])]);
  }

  reply(reply: MigrationReply): Uint8Array {
    return migrationMessage(KIND_REPLY, this.#sequence++, [new TextEncoder().encode(JSON.stringify(reply))]);
  }

  state({ memoryCrc, channelState, statistics, pages, ...stopped }: VmState): Uint8Array {
    const json = new TextEncoder().encode(JSON.stringify(stopped));
    const figures = doubles(statistics);
    const head = words([
      memoryCrc,
      json.length,
      channelState.byteLength,
      figures.length,
      pages.numbers.length,
    ]);
    const parts = [head, json, new Uint8Array(channelState), figures, words(pages.numbers), pages.bytes];
    return migrationMessage(KIND_STATE, this.#sequence++, parts);
  }
}

/** One whole message with a right header. */
export function migrationMessage(kind: number, sequence: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(HEADER_BYTES + length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MIGRATION_MAGIC, true);
  view.setUint16(4, MIGRATION_VERSION, true);
  view.setUint16(6, kind, true);
  view.setUint32(8, sequence, true);
  view.setUint32(12, length, true);
  let at = HEADER_BYTES;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  view.setUint32(16, checksumOf(bytes), true);
  return bytes;
}

/** Of a whole message, the field itself left out. */
export function checksumOf(message: Uint8Array): number {
  return crc32(message.subarray(HEADER_BYTES), crc32(message.subarray(0, 16)));
}

function words(values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) view.setUint32(i * 4, values[i], true);
  return bytes;
}

function doubles(values: Float64Array): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) view.setFloat64(i * 8, values[i], true);
  return bytes;
}
