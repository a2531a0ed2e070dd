/**
 * NVSP, the protocol between NetVSC (guest) and NetVSP (host), as far as this house speaks it.
 *
 *   guest                                            host
 *   NVSP_MSG_TYPE_INIT {min, max version}      ──>
 *                                              <──   INIT_COMPLETE {version, max MDL chain, status}
 *   SEND_NDIS_CONFIG {mtu, 0, capabilities}    ──>   (no answer)
 *   SEND_NDIS_VER {major, minor}               ──>   (no answer)
 *   SEND_RECV_BUF {gpadl, id}                  ──>
 *                                              <──   SEND_RECV_BUF_COMPLETE {status, 1, section layout}
 *   SEND_SEND_BUF {gpadl, id}                  ──>
 *                                              <──   SEND_SEND_BUF_COMPLETE {status, section size}
 *   SEND_RNDIS_PKT {kind, section, size}       <─>   SEND_RNDIS_PKT_COMPLETE {status}
 *
 * A message is the payload of an in-band, transfer-page or completion packet: a u32 type and u32 fields,
 * padded to 32 bytes. Answers travel as completion packets with the transaction id of the question.
 * Names and numbers as in the public Linux header hyperv_net.h.
 */
export const NVSP_MSG_TYPE_INIT = 1;
export const NVSP_MSG_TYPE_INIT_COMPLETE = 2;
export const NVSP_MSG1_TYPE_SEND_NDIS_VER = 100;
export const NVSP_MSG1_TYPE_SEND_RECV_BUF = 101;
export const NVSP_MSG1_TYPE_SEND_RECV_BUF_COMPLETE = 102;
export const NVSP_MSG1_TYPE_REVOKE_RECV_BUF = 103;
export const NVSP_MSG1_TYPE_SEND_SEND_BUF = 104;
export const NVSP_MSG1_TYPE_SEND_SEND_BUF_COMPLETE = 105;
export const NVSP_MSG1_TYPE_REVOKE_SEND_BUF = 106;
export const NVSP_MSG1_TYPE_SEND_RNDIS_PKT = 107;
export const NVSP_MSG1_TYPE_SEND_RNDIS_PKT_COMPLETE = 108;
export const NVSP_MSG2_TYPE_SEND_NDIS_CONFIG = 125;
export const NVSP_MSG5_TYPE_SUBCHANNEL = 133;

export const NVSP_STAT_SUCCESS = 1;
export const NVSP_STAT_FAIL = 2;
export const NVSP_STAT_PROTOCOL_TOO_NEW = 3;
export const NVSP_STAT_PROTOCOL_TOO_OLD = 4;
export const NVSP_STAT_INVALID_RNDIS_PKT = 5;
export const NVSP_STAT_BUSY = 6;

export const NVSP_PROTOCOL_VERSION_5 = 0x50000;

/** Bytes of every NVSP message here, padding included. */
export const NVSP_MESSAGE_BYTES = 32;
export const NVSP_MESSAGE_WORDS = 8;

/** `kind` of SEND_RNDIS_PKT. */
export const NVSP_RNDIS_DATA = 0;
export const NVSP_RNDIS_CONTROL = 1;

/** Section index that says "no send-buffer section": the message lies in the pages that the packet names. */
export const NETVSC_INVALID_INDEX = 0xffffffff;
/** Transfer-page set id of the receive buffer. */
export const NETVSC_RECEIVE_BUFFER_ID = 0xcafe;
export const NETVSC_SEND_BUFFER_ID = 0;
