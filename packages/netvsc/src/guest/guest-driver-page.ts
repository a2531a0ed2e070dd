/**
 * The guest driver's own state, kept in its own memory (`layout.driver`): whoever moves the memory moves the driver.
 *
 *   word  0  magic            1  step of the handshake, or open
 *         2  receive section size   3 count        4  send section size   5 count
 *         6, 7  MAC address told by the host       8  longest frame       9  link speed / 100 bit/s
 *        10  1 = the handler has the frame at the queue's head, only the completion is missing
 *        11  last RNDIS request id                12  free send sections, 64.. their stack
 *        13, 14  head and tail of the queue of received frames (free-running)
 *        576..   the queue: 4 words a frame: byte offset of its section / 1 = last of its message /
 *                the message's transaction id, low and high
 */
export const DRIVER_MAGIC = 0x31435356;

export const DRIVER_MAGIC_WORD = 0;
export const DRIVER_STEP = 1;
export const DRIVER_RECEIVE_SIZE = 2;
export const DRIVER_RECEIVE_COUNT = 3;
export const DRIVER_SEND_SIZE = 4;
export const DRIVER_SEND_COUNT = 5;
export const DRIVER_MAC = 6;
export const DRIVER_MAX_FRAME = 8;
export const DRIVER_LINK_SPEED = 9;
export const DRIVER_TAKEN = 10;
export const DRIVER_REQUEST = 11;
export const DRIVER_SEND_FREE = 12;
export const DRIVER_QUEUE_HEAD = 13;
export const DRIVER_QUEUE_TAIL = 14;
export const DRIVER_STACK = 64;
/** Send sections the stack has room for. */
export const DRIVER_MAX_SEND_SECTIONS = 512;
export const DRIVER_QUEUE: number = DRIVER_STACK + DRIVER_MAX_SEND_SECTIONS;
/** Words of a queued frame. */
export const QUEUE_ENTRY_WORDS = 4;

/** Bytes of driver memory with a queue of `queueLength` frames. */
export function driverBytes(queueLength: number): number {
  return (DRIVER_QUEUE + queueLength * QUEUE_ENTRY_WORDS) * 4;
}

/** Steps: even ones ask, odd ones wait for the answer. */
export const STEP_IDLE = 0;
export const STEP_GPADL_RINGS = 10;
export const STEP_OPEN_CHANNEL = 20;
export const STEP_NVSP_INIT = 30;
export const STEP_GPADL_RECEIVE = 40;
export const STEP_RECEIVE_BUFFER = 50;
export const STEP_GPADL_SEND = 60;
export const STEP_SEND_BUFFER = 70;
export const STEP_RNDIS_INIT = 80;
export const STEP_QUERY_MAC = 90;
export const STEP_QUERY_MAX_FRAME = 100;
export const STEP_QUERY_LINK_SPEED = 110;
export const STEP_QUERY_MEDIA = 120;
export const STEP_SET_FILTER = 130;
export const STEP_OPEN = 200;
export const STEP_CLOSE = 210;
export const STEP_FAILED = 300;

/** GPADL handles the guest hands out. */
export const GPADL_RINGS = 1;
export const GPADL_RECEIVE = 2;
export const GPADL_SEND = 3;
