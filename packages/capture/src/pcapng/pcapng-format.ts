/** Numbers of the pcapng format, https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html */

export const BLOCK_SECTION_HEADER = 0x0a0d0d0a;
export const BLOCK_INTERFACE_DESCRIPTION = 1;
export const BLOCK_OBSOLETE_PACKET = 2;
export const BLOCK_SIMPLE_PACKET = 3;
export const BLOCK_NAME_RESOLUTION = 4;
export const BLOCK_INTERFACE_STATISTICS = 5;
export const BLOCK_ENHANCED_PACKET = 6;

export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Type and total length in front, total length again behind. */
export const BLOCK_OVERHEAD = 12;
export const BLOCK_HEADER_LENGTH = 8;

export const OPT_END = 0;
export const OPT_COMMENT = 1;

export const SHB_HARDWARE = 2;
export const SHB_OS = 3;
export const SHB_USERAPPL = 4;

export const IF_NAME = 2;
export const IF_DESCRIPTION = 3;
export const IF_TSRESOL = 9;
export const IF_FCSLEN = 13;
export const IF_TSOFFSET = 14;

export const EPB_FLAGS = 2;
export const EPB_DROPCOUNT = 4;
export const EPB_QUEUE = 6;

export const ISB_IFRECV = 4;
export const ISB_IFDROP = 5;
export const ISB_FILTERACCEPT = 6;
export const ISB_OSDROP = 7;
export const ISB_USRDELIV = 8;

export const NRB_RECORD_END = 0;
export const NRB_RECORD_IPV4 = 1;
export const NRB_RECORD_IPV6 = 2;

const NAMES: Readonly<Record<number, string>> = {
  [BLOCK_SECTION_HEADER]: 'Section Header Block',
  [BLOCK_INTERFACE_DESCRIPTION]: 'Interface Description Block',
  [BLOCK_OBSOLETE_PACKET]: 'Packet Block',
  [BLOCK_SIMPLE_PACKET]: 'Simple Packet Block',
  [BLOCK_NAME_RESOLUTION]: 'Name Resolution Block',
  [BLOCK_INTERFACE_STATISTICS]: 'Interface Statistics Block',
  [BLOCK_ENHANCED_PACKET]: 'Enhanced Packet Block',
};

/** Smallest total length each known block can have. */
const MINIMUM: Readonly<Record<number, number>> = {
  [BLOCK_SECTION_HEADER]: 28,
  [BLOCK_INTERFACE_DESCRIPTION]: 20,
  [BLOCK_OBSOLETE_PACKET]: 32,
  [BLOCK_SIMPLE_PACKET]: 16,
  [BLOCK_NAME_RESOLUTION]: 12,
  [BLOCK_INTERFACE_STATISTICS]: 24,
  [BLOCK_ENHANCED_PACKET]: 32,
};

export function blockName(type: number): string {
  return NAMES[type] ?? `block of type 0x${type.toString(16)}`;
}

export function minimumBlockLength(type: number): number {
  return MINIMUM[type] ?? BLOCK_OVERHEAD;
}

/** Every field and option is padded to 32 bits. */
export function padded(length: number): number {
  return length + (-length & 3);
}
