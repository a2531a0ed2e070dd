/**
 * Reads a VM out of the bytes in which it comes from another host; their form stands in messages.ts.
 *
 * The decoder takes the bytes in whatever pieces they come, allocates no more than has arrived, and never throws:
 * what is not a message ends the stream with a named refusal.
 */
import { PAGE_SIZE } from '@vmq/machine';
import { MIGRATION_COMMANDS, readReply } from './commands.ts';
import { readStoppedDescription, readVmDescription } from './description.ts';
import {
  checksumOf,
  HEADER_BYTES,
  KIND_COMMAND,
  KIND_HELLO,
  KIND_PAGES,
  KIND_REPLY,
  KIND_STATE,
  MIGRATION_MAGIC,
  MIGRATION_VERSION,
  type MigrationMessage,
  PAGES_HEAD,
  type PageSet,
  STATE_HEAD,
  type VmState,
} from './messages.ts';

/** Longest body that is taken, in bytes. */
const MOST_BYTES = 0x4000_0000;

export type MigrationRefusalName =
  /** Not the beginning of a message. */
  | 'magic'
  /** A version or a kind that this decoder does not know. */
  | 'version'
  | 'kind'
  /** Not the message that comes next: one is missing, or came twice. */
  | 'sequence'
  /** The body is longer than any may be, or not as long as what is in it. */
  | 'length'
  /** A bit has changed on the way. */
  | 'checksum'
  /** The JSON in it is none, or does not describe a VM, a channel or an answer; or an unknown command. */
  | 'description'
  /** Page numbers that do not ascend. */
  | 'pages'
  /** The stream ended inside a message. */
  | 'truncated';

export interface MigrationRefusal {
  readonly name: MigrationRefusalName;
  readonly reason: string;
  /** Sequence number of the message. */
  readonly sequence: number;
}

/** Turns bytes into messages. */
export class MigrationDecoder {
  #refusal: MigrationRefusal | null = null;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #wanted: number = HEADER_BYTES;
  #sequence = 0;

  /** Why the stream ended early, or null. */
  get refusal(): MigrationRefusal | null {
    return this.#refusal;
  }

  /** The messages that are complete with these bytes; none after a refusal. The bytes may be used again afterwards. */
  push(bytes: Uint8Array): MigrationMessage[] {
    const messages: MigrationMessage[] = [];
    if (this.#refusal !== null || bytes.length === 0) return messages;
    // Not `slice`: what comes from a socket is Node's Buffer, and its `slice` is a view.
    this.#waiting.push(new Uint8Array(bytes));
    this.#waitingBytes += bytes.length;
    while (this.#refusal === null && this.#waitingBytes >= this.#wanted) {
      const all = this.#joined();
      if (this.#wanted === HEADER_BYTES) {
        this.#wanted = this.#judgeHeader(all);
        if (this.#wanted > this.#waitingBytes) break;
      }
      if (this.#refusal !== null) break;
      const message = this.#read(all.subarray(0, this.#wanted));
      if (message === null) break;
      messages.push(message);
      this.#waiting = [all.subarray(this.#wanted)];
      this.#waitingBytes -= this.#wanted;
      this.#wanted = HEADER_BYTES;
      this.#sequence++;
    }
    if (this.#refusal !== null) this.#waiting = [];
    return messages;
  }

  /** No more bytes will come. */
  end(): void {
    if (this.#refusal === null && this.#waitingBytes !== 0)
      this.#refuse('truncated', `${this.#waitingBytes} bytes of a message, expected ${this.#wanted} or more`);
  }

  #refuse(name: MigrationRefusalName, reason: string): null {
    this.#refusal = { name, reason, sequence: this.#sequence };
    return null;
  }

  #joined(): Uint8Array {
    const [only] = this.#waiting;
    if (this.#waiting.length === 1 && only !== undefined) return only;
    const all = new Uint8Array(this.#waitingBytes);
    let at = 0;
    for (const piece of this.#waiting) {
      all.set(piece, at);
      at += piece.length;
    }
    this.#waiting = [all];
    return all;
  }

  /** Bytes of the message that begins here. */
  #judgeHeader(bytes: Uint8Array): number {
    const view = viewOf(bytes);
    const magic = view.getUint32(0, true);
    const version = view.getUint16(4, true);
    const sequence = view.getUint32(8, true);
    const length = view.getUint32(12, true);
    if (magic !== MIGRATION_MAGIC)
      this.#refuse('magic', `0x${magic.toString(16)}, expected 0x${MIGRATION_MAGIC.toString(16)}`);
    else if (version !== MIGRATION_VERSION)
      this.#refuse('version', `${version}, expected ${MIGRATION_VERSION}`);
    else if (sequence !== this.#sequence)
      this.#refuse('sequence', `message ${sequence}, expected ${this.#sequence}`);
    else if (length > MOST_BYTES) this.#refuse('length', `${length} bytes, at most ${MOST_BYTES}`);
    return HEADER_BYTES + length;
  }

  #read(bytes: Uint8Array): MigrationMessage | null {
    const view = viewOf(bytes);
    const stated = view.getUint32(16, true);
    const found = checksumOf(bytes);
    if (stated !== found)
      return this.#refuse('checksum', `0x${found.toString(16)}, stated ${stated.toString(16)}`);
    const body = bytes.subarray(HEADER_BYTES);
    const kind = view.getUint16(6, true);
    if (kind === KIND_HELLO) return this.#readHello(body);
    if (kind === KIND_PAGES) return this.#readPages(body);
    if (kind === KIND_STATE) return this.#readState(body);
    if (kind === KIND_COMMAND) return this.#readCommand(body);
    if (kind === KIND_REPLY) return this.#readReply(body);
    return this.#refuse('kind', `${kind}, expected ${KIND_HELLO} to ${KIND_REPLY}`);
  }

  #readHello(body: Uint8Array): MigrationMessage | null {
    const read = readVmDescription(new TextDecoder().decode(body));
    if (!read.ok) return this.#refuse('description', read.reason);
    return { kind: 'hello', description: read.value };
  }

  #readCommand(body: Uint8Array): MigrationMessage | null {
    if (body.length !== 4) return this.#refuse('length', `${body.length} bytes of a command`);
    const number = viewOf(body).getUint32(0, true);
    const command = MIGRATION_COMMANDS[number];
    return command === undefined
      ? this.#refuse('description', `command ${number}, expected 0 to ${MIGRATION_COMMANDS.length - 1}`)
      : { kind: 'command', command };
  }

  #readReply(body: Uint8Array): MigrationMessage | null {
    const read = readReply(new TextDecoder().decode(body));
    return read.ok ? { kind: 'reply', reply: read.value } : this.#refuse('description', read.reason);
  }

  #readPages(body: Uint8Array): MigrationMessage | null {
    if (body.length < PAGES_HEAD) return this.#refuse('length', `${body.length} bytes of pages`);
    const view = viewOf(body);
    const pages = this.#takePages(body, PAGES_HEAD, view.getUint32(4, true));
    return pages === null ? null : { kind: 'pages', round: view.getUint32(0, true), pages };
  }

  #readState(body: Uint8Array): MigrationMessage | null {
    if (body.length < STATE_HEAD) return this.#refuse('length', `${body.length} bytes of state`);
    const view = viewOf(body);
    const [json, channel, figures] = [4, 8, 12].map((at) => view.getUint32(at, true)) as [
      number,
      number,
      number,
    ];
    if (figures % 8 !== 0 || STATE_HEAD + json + channel + figures > body.length)
      return this.#refuse('length', `parts of ${json}, ${channel} and ${figures} bytes in ${body.length}`);
    const afterJson = STATE_HEAD + json;
    const afterChannel = afterJson + channel;
    const pages = this.#takePages(body, afterChannel + figures, view.getUint32(16, true));
    if (pages === null) return null;
    const read = readStoppedDescription(new TextDecoder().decode(body.subarray(STATE_HEAD, afterJson)));
    if (!read.ok) return this.#refuse('description', read.reason);
    const state: VmState = {
      memoryCrc: view.getUint32(0, true),
      ...read.value,
      channelState: copyOf(body, afterJson, channel),
      statistics: new Float64Array(copyOf(body, afterChannel, figures)),
      pages,
    };
    return { kind: 'state', state };
  }

  /** Page numbers and pages from `at` to the end of the body. */
  #takePages(body: Uint8Array, at: number, count: number): PageSet | null {
    const expected = at + count * (4 + PAGE_SIZE);
    if (expected !== body.length)
      return this.#refuse('length', `${count} pages need ${expected} bytes, found ${body.length}`);
    const numbers = new Uint32Array(copyOf(body, at, count * 4));
    for (let i = 1; i < count; i++) {
      if (numbers[i] <= numbers[i - 1])
        return this.#refuse('pages', `page ${numbers[i]} after page ${numbers[i - 1]}`);
    }
    return { numbers, bytes: body.slice(at + count * 4) };
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function copyOf(bytes: Uint8Array, at: number, length: number): ArrayBuffer {
  return bytes.slice(at, at + length).buffer;
}
