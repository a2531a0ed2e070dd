/**
 * The host's answers to the NVSP handshake, in the order drawn in nvsp.ts. What comes out of order is refused.
 */

import type { SectionBuffer } from '@vmq/vmbus';
import {
  NVSP_MSG_TYPE_INIT,
  NVSP_MSG_TYPE_INIT_COMPLETE,
  NVSP_MSG1_TYPE_SEND_NDIS_VER,
  NVSP_MSG1_TYPE_SEND_RECV_BUF,
  NVSP_MSG1_TYPE_SEND_RECV_BUF_COMPLETE,
  NVSP_MSG1_TYPE_SEND_SEND_BUF,
  NVSP_MSG1_TYPE_SEND_SEND_BUF_COMPLETE,
  NVSP_MSG2_TYPE_SEND_NDIS_CONFIG,
  NVSP_PROTOCOL_VERSION_5,
  NVSP_STAT_FAIL,
  NVSP_STAT_PROTOCOL_TOO_NEW,
  NVSP_STAT_PROTOCOL_TOO_OLD,
  NVSP_STAT_SUCCESS,
} from '../protocol/nvsp.ts';

/** Longest MDL chain a message may describe; the number Hyper-V gives. */
const MAX_MDL_CHAIN = 34;

export class HandshakeAnswers {
  #version = 0;
  #ndisVersion = 0;
  #receive = false;
  #send = false;
  readonly #attachReceive: (gpadl: number) => SectionBuffer | null;
  readonly #attachSend: (gpadl: number) => SectionBuffer | null;

  /** The callbacks cut the memory of a GPADL into sections, or say null if it cannot be used. */
  constructor(
    attachReceive: (gpadl: number) => SectionBuffer | null,
    attachSend: (gpadl: number) => SectionBuffer | null,
  ) {
    this.#attachReceive = attachReceive;
    this.#attachSend = attachSend;
  }

  /** Both buffers are there. */
  get isComplete(): boolean {
    return this.#receive && this.#send;
  }

  /** NDIS version the guest's driver speaks, major << 16 | minor. */
  get ndisVersion(): number {
    return this.#ndisVersion;
  }

  /** The answer to a message, null for none, undefined for a message out of order. */
  answer(message: Int32Array): readonly number[] | null | undefined {
    const type = message[0];
    const a = message[1] >>> 0;
    const b = message[2] >>> 0;
    if (type === NVSP_MSG_TYPE_INIT) return this.#init(a, b);
    if (this.#version === 0) return undefined;
    switch (type) {
      case NVSP_MSG2_TYPE_SEND_NDIS_CONFIG:
        return null;
      case NVSP_MSG1_TYPE_SEND_NDIS_VER:
        this.#ndisVersion = (a << 16) | (b & 0xffff);
        return null;
      case NVSP_MSG1_TYPE_SEND_RECV_BUF: {
        if (this.#receive || this.#ndisVersion === 0) return undefined;
        const buffer = this.#attachReceive(a);
        if (buffer === null) return [NVSP_MSG1_TYPE_SEND_RECV_BUF_COMPLETE, NVSP_STAT_FAIL, 0];
        this.#receive = true;
        const { sectionSize, sectionCount } = buffer;
        const end = sectionSize * sectionCount;
        return [
          NVSP_MSG1_TYPE_SEND_RECV_BUF_COMPLETE,
          NVSP_STAT_SUCCESS,
          1,
          0,
          sectionSize,
          sectionCount,
          end,
        ];
      }
      case NVSP_MSG1_TYPE_SEND_SEND_BUF: {
        if (this.#send || !this.#receive) return undefined;
        const buffer = this.#attachSend(a);
        if (buffer === null) return [NVSP_MSG1_TYPE_SEND_SEND_BUF_COMPLETE, NVSP_STAT_FAIL, 0];
        this.#send = true;
        return [NVSP_MSG1_TYPE_SEND_SEND_BUF_COMPLETE, NVSP_STAT_SUCCESS, buffer.sectionSize];
      }
      default:
        return undefined;
    }
  }

  #init(least: number, most: number): readonly number[] | undefined {
    if (this.#version !== 0) return undefined;
    const mine = NVSP_PROTOCOL_VERSION_5;
    let status = NVSP_STAT_SUCCESS;
    if (most < mine) status = NVSP_STAT_PROTOCOL_TOO_OLD;
    else if (least > mine) status = NVSP_STAT_PROTOCOL_TOO_NEW;
    else this.#version = mine;
    return [NVSP_MSG_TYPE_INIT_COMPLETE, mine, MAX_MDL_CHAIN, status];
  }
}
