import { type CaptureError, captureError } from './capture-error.ts';

/** First four bytes, read big-endian. */
export const PCAP_MAGIC_MICROSECONDS = 0xa1b2c3d4;
export const PCAP_MAGIC_NANOSECONDS = 0xa1b23c4d;
/** Type of a pcapng Section Header Block; the same in both byte orders. */
export const PCAPNG_SECTION_HEADER = 0x0a0d0d0a;
/** Bytes needed to tell the format. */
export const MAGIC_LENGTH = 4;

export type CaptureFormat = 'pcap' | 'pcapng';

function swap(value: number): number {
  return (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}

const PCAP_MAGICS: readonly number[] = [
  PCAP_MAGIC_MICROSECONDS,
  PCAP_MAGIC_NANOSECONDS,
  swap(PCAP_MAGIC_MICROSECONDS),
  swap(PCAP_MAGIC_NANOSECONDS),
];

/** `magic` is the file's first four bytes as a big-endian number. */
export function detectFormat(magic: number): CaptureFormat | null {
  if (magic === PCAPNG_SECTION_HEADER) return 'pcapng';
  return PCAP_MAGICS.includes(magic) ? 'pcap' : null;
}

/** What people feed by mistake, and what to do about it. `mask` selects the bits of the first four bytes that count. */
const STRANGERS: readonly {
  readonly magic: number;
  readonly mask: number;
  readonly code: 'compressed' | 'not-a-capture';
  readonly says: string;
}[] = [
  { magic: 0x1f8b0000, mask: 0xffff0000, code: 'compressed', says: 'gzip-compressed; decompress first' },
  { magic: 0x28b52ffd, mask: 0xffffffff, code: 'compressed', says: 'zstd-compressed; decompress first' },
  { magic: 0x04224d18, mask: 0xffffffff, code: 'compressed', says: 'lz4-compressed; decompress first' },
  { magic: 0xfd377a58, mask: 0xffffffff, code: 'compressed', says: 'xz-compressed; decompress first' },
  { magic: 0x425a6800, mask: 0xffffff00, code: 'compressed', says: 'bzip2-compressed; decompress first' },
  {
    magic: 0x504b0304,
    mask: 0xffffffff,
    code: 'compressed',
    says: 'a zip archive; extract the capture first',
  },
  {
    magic: 0x34cdb2a1,
    mask: 0xffffffff,
    code: 'not-a-capture',
    says: '"modified" pcap (Kuznetzov); convert it with editcap',
  },
  {
    magic: 0xa1b2cd34,
    mask: 0xffffffff,
    code: 'not-a-capture',
    says: '"modified" pcap (Kuznetzov); convert it with editcap',
  },
  {
    magic: 0x736e6f6f,
    mask: 0xffffffff,
    code: 'not-a-capture',
    says: 'a snoop capture; convert it with editcap',
  },
  {
    magic: 0x474d4255,
    mask: 0xffffffff,
    code: 'not-a-capture',
    says: 'a Network Monitor capture; convert it with editcap',
  },
];

/** Why a file with this magic cannot be read. */
export function refuseMagic(magic: number): CaptureError {
  for (const stranger of STRANGERS) {
    if ((magic & stranger.mask) >>> 0 === stranger.magic)
      return captureError(stranger.code, 0, `the file is ${stranger.says}`);
  }
  const found = magic.toString(16).padStart(8, '0');
  return captureError(
    'not-a-capture',
    0,
    `expected a pcap magic (a1b2c3d4 or a1b23c4d, either byte order) or a pcapng section header (0a0d0d0a), found ${found}`,
  );
}
