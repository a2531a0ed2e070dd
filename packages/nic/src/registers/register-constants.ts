/**
 * Offsets, strides and bits of the device's registers, under the names the datasheet uses.
 *
 * All registers are 32 bits wide, little-endian, at byte offsets into the BAR. A register that exists once per
 * queue, filter or entry is listed with the offset of element 0: element i lies at `REG.X + i * X_STRIDE`.
 */

/** Bytes of the BAR that the datasheet describes. Device-private memory follows; drivers keep out of it. */
export const BAR_REGISTER_BYTES = 0x10000;

export const RX_QUEUE_STRIDE = 0x80;
export const TX_QUEUE_STRIDE = 0x80;
export const FILTER_STRIDE = 0x10;
export const MSIX_STRIDE = 0x10;
export const MULTICAST_STRIDE = 8;

/** What the register map has room for; a profile may have less. */
export const MAX_QUEUES = 160;
export const MAX_FILTERS = 512;
export const MAX_MSIX_ENTRIES = 256;
export const MULTICAST_ENTRIES = 32;
export const MAX_RECEIVE_ENGINES = 8;

/** Byte offsets (of element 0 where a register repeats). */
export const REG = {
  CTRL: 0x0000,
  STATUS: 0x0004,
  CFGREQ: 0x0008,
  CFGACK: 0x000c,
  RCTL: 0x0010,
  MFS: 0x0014,
  MACLO: 0x0018,
  MACHI: 0x001c,
  VERSION: 0x0020,
  CAPQ: 0x0024,
  CAPF: 0x0028,
  CAUSE: 0x002c,
  CAUSEEN: 0x0030,
  CAUSEENTRY: 0x0034,
  PMACLO: 0x0038,
  PMACHI: 0x003c,
  CAPL: 0x0040,
  CAPM: 0x0044,
  RXSTAMP: 0x0048,
  ENGINES: 0x004c,
  MCLO: 0x0100,
  MCHI: 0x0104,

  RDBASE: 0x1000,
  RDSEG: 0x1004,
  RDLEN: 0x1008,
  RDT: 0x100c,
  RDH: 0x1010,
  RCBASE: 0x1014,
  RCSEG: 0x1018,
  RSBASE: 0x101c,
  RXCTL: 0x1020,
  RXSTS: 0x1024,
  RXBUF: 0x1028,
  RXARM: 0x102c,
  RXENTRY: 0x1030,
  RXITR: 0x1034,
  RXPKTLO: 0x1038,
  RXPKTHI: 0x103c,
  RXBYTLO: 0x1040,
  RXBYTHI: 0x1044,
  RXDROP: 0x1048,
  RXFAULT: 0x104c,
  RXSMALL: 0x1050,
  RCT: 0x1054,
  RXENG: 0x1058,
  RXDROPHI: 0x105c,

  TDBASE: 0x6000,
  TDSEG: 0x6004,
  TDLEN: 0x6008,
  TDT: 0x600c,
  TDH: 0x6010,
  TSBASE: 0x601c,
  TXCTL: 0x6020,
  TXSTS: 0x6024,
  TXARM: 0x602c,
  TXENTRY: 0x6030,
  TXITR: 0x6034,
  TXPKTLO: 0x6038,
  TXPKTHI: 0x603c,
  TXBYTLO: 0x6040,
  TXBYTHI: 0x6044,
  TXFAULT: 0x604c,
  TCT: 0x6054,

  FLTLO: 0xb000,
  FLTHI: 0xb004,
  FLTVLAN: 0xb008,
  FLTQ: 0xb00c,

  MSIXADDRLO: 0xd000,
  MSIXADDRHI: 0xd004,
  MSIXDATA: 0xd008,
  MSIXVCTRL: 0xd00c,
  PBA: 0xe000,

  GPRC: 0xf000,
  RUNT: 0xf008,
  OVERSIZE: 0xf010,
  NOMATCH: 0xf018,
  MCREFUSED: 0xf020,
  BCREFUSED: 0xf028,
  RXDISABLED: 0xf030,
  GPTC: 0xf038,
  TXFAULTS: 0xf040,
  SPURIOUS: 0xf048,
  QSTOPPED: 0xf050,
  NODESC: 0xf058,
  BUFSMALL: 0xf060,
  RXFAULTS: 0xf068,
  LINKDOWN: 0xf070,
  GORC: 0xf078,
  GOTC: 0xf080,
  INTERRUPTS: 0xf088,
} as const;

export const CTRL_RST: number = 1 << 0;
export const CTRL_RXEN: number = 1 << 1;
export const CTRL_TXEN: number = 1 << 2;

export const STATUS_LU: number = 1 << 0;
export const STATUS_RSTDONE: number = 1 << 1;
export const STATUS_SPEED_SHIFT = 8;

export const RCTL_UPE: number = 1 << 0;
export const RCTL_MPE: number = 1 << 1;
export const RCTL_BAM: number = 1 << 2;
export const RCTL_AAM: number = 1 << 3;
export const RCTL_NVGRE: number = 1 << 4;

export const CAPQ_FILTERS_SHIFT = 8;
export const CAPQ_MSIX_SHIFT = 20;

export const CAPF_SPLIT: number = 1 << 0;
export const CAPF_RX_CHECKSUM: number = 1 << 1;
export const CAPF_MODERATION: number = 1 << 2;
export const CAPF_TX_VLAN: number = 1 << 3;
export const CAPF_NVGRE: number = 1 << 4;

export const CAUSE_LINK: number = 1 << 0;
export const CAUSE_DMA_FAULT: number = 1 << 1;

export const MCHI_VALID: number = 1 << 31;

export const RXCTL_ENABLE: number = 1 << 0;
export const RXCTL_DROPEN: number = 1 << 1;
export const RXCTL_SPLIT: number = 1 << 2;
export const RXCTL_VLAN_STRIP: number = 1 << 3;
export const RXCTL_CSUMEN: number = 1 << 4;
export const RXCTL_HEADER_SHIFT = 16;

/** RXSTS and TXSTS. */
export const QSTS_ENABLED: number = 1 << 0;
export const QSTS_STARVED: number = 1 << 1;
export const QSTS_ERROR: number = 1 << 2;

export const RXBUF_HEADER_SHIFT = 16;

export const TXCTL_ENABLE: number = 1 << 0;

export const FLTVLAN_MODE_SHIFT = 16;
/** The MAC alone decides; any VLAN matches. */
export const FLTVLAN_ANY = 0;
/** The VLAN id must be equal; 0 means as {@link FLTVLAN_UNTAGGED_OR_ZERO}. */
export const FLTVLAN_EXACT = 1;
/** Untagged, or tagged with VLAN id 0. */
export const FLTVLAN_UNTAGGED_OR_ZERO = 2;
export const FLTQ_VALID: number = 1 << 31;

export const MSIX_VCTRL_MASK: number = 1 << 0;
