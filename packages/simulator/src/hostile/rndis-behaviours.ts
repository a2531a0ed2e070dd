/** Guests whose RNDIS messages do not hold what they say. */
import type { HostileBehaviour } from './behaviour.ts';
import { goodHeader, taggedHeader } from './guest-reach.ts';
import { inBouts } from './programs.ts';

interface MessageForm {
  /** Bytes of the message. */
  readonly size?: number;
  /** Its words before they are changed. */
  readonly sound?: readonly number[];
}

/** A message of 124 bytes with some words changed, each bout the next of `changes`: word to value. */
function message(
  name: string,
  does: string,
  countedAs: string[] | null,
  changes: readonly Readonly<Record<number, number>>[],
  { size = 124, sound = goodHeader(60) }: MessageForm = {},
) {
  return {
    name,
    does,
    countedAs,
    channel: 'open',
    begins: 'running',
    program: (guest) =>
      inBouts(guest, (bout) => {
        const words = [...sound, 0, 0, 0, 0, 0];
        const change = changes[bout % changes.length];
        for (const [at, value] of Object.entries(change)) words[Number(at)] = value;
        guest.header(0, words);
        guest.send(0, 0, size);
      }),
  } satisfies HostileBehaviour;
}

/** Words of RNDIS_PACKET_MSG. */
const TYPE = 0;
const LENGTH = 1;
const DATA_OFFSET = 2;
const DATA_LENGTH = 3;
const INFO_OFFSET = 7;
const INFO_LENGTH = 8;
const INFO_SIZE = 11;
const INFO_VALUE_AT = 13;

const HUGE = -8;

export const RNDIS_BEHAVIOURS: readonly HostileBehaviour[] = [
  message(
    'rndis-type-unknown',
    'sends data that is no RNDIS data message',
    ['rndis.type'],
    [{ [TYPE]: 3 }, { [TYPE]: 0 }, { [TYPE]: -1 }],
  ),
  message(
    'rndis-length-past-message',
    'says that a message is longer than what was sent, or shorter than its header',
    ['rndis.message-length'],
    [{ [LENGTH]: 125 }, { [LENGTH]: -1 }, { [LENGTH]: 43 }, { [LENGTH]: 0 }],
  ),
  message(
    'rndis-sums-overflow',
    'chooses offset and length so that their 32-bit sum is small',
    ['rndis.data-range'],
    [
      { [DATA_OFFSET]: HUGE, [DATA_LENGTH]: 60 },
      { [DATA_OFFSET]: 56, [DATA_LENGTH]: HUGE },
      { [DATA_OFFSET]: HUGE, [DATA_LENGTH]: 68 },
      { [DATA_OFFSET]: -(2 ** 31), [DATA_LENGTH]: -(2 ** 31) },
    ],
  ),
  message(
    'rndis-frame-outside',
    'lets a frame begin or end outside its message',
    ['rndis.data-range'],
    [
      { [DATA_OFFSET]: 57 },
      { [DATA_OFFSET]: 0 },
      { [DATA_OFFSET]: 35 },
      { [DATA_LENGTH]: 61 },
      { [DATA_OFFSET]: 116, [DATA_LENGTH]: 60 },
    ],
  ),
  message(
    'rndis-info-outside',
    'lets per-packet information lie outside its message',
    ['rndis.per-packet-info'],
    [
      { [INFO_OFFSET]: 36, [INFO_LENGTH]: 1000 },
      { [INFO_OFFSET]: HUGE, [INFO_LENGTH]: 16 },
      { [INFO_OFFSET]: 36, [INFO_LENGTH]: HUGE },
      { [INFO_OFFSET]: 112, [INFO_LENGTH]: 16 },
    ],
  ),
  message(
    'rndis-info-unaligned',
    'lets per-packet information begin between two words',
    ['rndis.per-packet-info'],
    [
      { [INFO_OFFSET]: 37, [INFO_LENGTH]: 16 },
      { [INFO_OFFSET]: 38, [INFO_LENGTH]: 16 },
      { [INFO_OFFSET]: 2, [INFO_LENGTH]: 16 },
    ],
  ),
  message(
    'rndis-info-wrong',
    'writes per-packet information that cannot be walked: of no size, too large, its value elsewhere',
    ['rndis.per-packet-info'],
    [
      { [INFO_SIZE]: 0 },
      { [INFO_SIZE]: 20 },
      { [INFO_SIZE]: HUGE },
      { [INFO_SIZE]: 14 },
      { [INFO_VALUE_AT]: 16 },
      { [INFO_VALUE_AT]: HUGE },
      { [INFO_VALUE_AT]: 13 },
      { [INFO_VALUE_AT]: 0 },
    ],
    { sound: taggedHeader(60, 0) },
  ),
  message(
    'frame-of-nothing',
    'sends frames of no bytes, or fewer than a header has',
    ['rndis.frame-length'],
    [{ [DATA_LENGTH]: 0 }, { [DATA_LENGTH]: 13 }, { [DATA_LENGTH]: 1 }],
  ),
  message(
    'frame-oversize',
    'sends frames longer than the channel allows',
    ['rndis.frame-length'],
    [
      { [LENGTH]: 2112, [DATA_LENGTH]: 1515 },
      { [LENGTH]: 2112, [DATA_LENGTH]: 2048 },
    ],
    { size: 2112 },
  ),
  message(
    'frame-unaligned',
    'lets frames begin at odd bytes, as RNDIS allows; they are taken as they are',
    null,
    [{ [DATA_OFFSET]: 55 }, { [DATA_OFFSET]: 41 }, { [DATA_OFFSET]: 50 }],
  ),
];
