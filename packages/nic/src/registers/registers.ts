/**
 * The register map as data. The register bus obeys it, DATASHEET.md is printed from it, and a test compares
 * the two, so there is no second description that could be wrong.
 */
import {
  FILTER_STRIDE,
  MAX_FILTERS,
  MAX_MSIX_ENTRIES,
  MAX_QUEUES,
  MSIX_STRIDE,
  MULTICAST_ENTRIES,
  MULTICAST_STRIDE,
  REG,
  RX_QUEUE_STRIDE,
  TX_QUEUE_STRIDE,
} from './register-constants.ts';

/**
 * RW read and write; RO writes are ignored; RC reading clears; W1C writing a 1 clears that bit;
 * DOORBELL read and write, and the device acts on a write by itself.
 */
export type RegisterAccess = 'RW' | 'RO' | 'RC' | 'W1C' | 'DOORBELL';

/** When the device looks at a register. */
export type RegisterEffect =
  /** Nothing to look at: the device writes it. */
  | 'device'
  /** Latched by the next CFGREQ. */
  | 'config'
  /** Latched when the queue goes from disabled to enabled. */
  | 'enable'
  /** Read whenever the device needs it. */
  | 'live'
  /** The write itself draws the device's attention. */
  | 'attention';

export interface RegisterField {
  readonly name: string;
  /** Bit numbers, lowest and highest. */
  readonly bits: readonly [low: number, high: number];
  readonly meaning: string;
}

export interface RegisterDefinition {
  readonly name: string;
  readonly group: 'global' | 'receive queue' | 'transmit queue' | 'filter' | 'msi-x' | 'statistics';
  /** Byte offset of element 0. */
  readonly offset: number;
  readonly count: number;
  /** Bytes from one element to the next. */
  readonly stride: number;
  readonly access: RegisterAccess;
  readonly effect: RegisterEffect;
  readonly meaning: string;
  readonly fields: readonly RegisterField[];
}

type Row = readonly [
  name: keyof typeof REG,
  access: RegisterAccess,
  effect: RegisterEffect,
  meaning: string,
  fields?: readonly RegisterField[],
];

const bit = (name: string, at: number, meaning: string): RegisterField => ({ name, bits: [at, at], meaning });
const bits = (name: string, low: number, high: number, meaning: string): RegisterField => ({
  name,
  bits: [low, high],
  meaning,
});

const GLOBAL: readonly Row[] = [
  [
    'CTRL',
    'RW',
    'attention',
    'Device control.',
    [
      bit('RST', 0, 'Reset: every register returns to its power-on value. Clears itself when done.'),
      bit('RXEN', 1, 'The port receives; while clear, frames from the wire are dropped and counted.'),
      bit('TXEN', 2, 'Transmit queues are served.'),
    ],
  ],
  [
    'STATUS',
    'RO',
    'device',
    'Device status.',
    [
      bit('LU', 0, 'Link is up.'),
      bit('RSTDONE', 1, 'The last reset is finished.'),
      bits('SPEED', 8, 15, 'Link speed in Gbit/s.'),
    ],
  ],
  [
    'CFGREQ',
    'RW',
    'attention',
    'Configuration request: write a number different from the last; the device takes over all configuration at its next batch boundary.',
  ],
  ['CFGACK', 'RO', 'device', 'The number of the last configuration request that is in force.'],
  [
    'RCTL',
    'RW',
    'config',
    'Packet filter for frames that no filter entry takes, and what the entries look at.',
    [
      bit('UPE', 0, 'Accept every unicast frame.'),
      bit('MPE', 1, 'Accept every multicast frame.'),
      bit('BAM', 2, 'Accept broadcast.'),
      bit('AAM', 3, 'Accept unicast to the station address.'),
      bit(
        'NVGRE',
        4,
        'Filter entries test the inner destination of NVGRE frames. Ignored without CAPF.NVGRE.',
      ),
    ],
  ],
  [
    'MFS',
    'RW',
    'config',
    'Largest frame in bytes, without FCS and without its tags: 4 more for each of up to two.',
  ],
  ['MACLO', 'RW', 'config', 'Station address, first four bytes, the first in bits 31..24.'],
  ['MACHI', 'RW', 'config', 'Station address, last two bytes, in bits 15..0.'],
  ['VERSION', 'RO', 'device', 'Version of this register map: major in bits 31..16, minor in 15..0.'],
  [
    'CAPQ',
    'RO',
    'device',
    'Sizes.',
    [
      bits(
        'QUEUES',
        0,
        7,
        'Receive queues besides queue 0 (there are as many transmit queues, and transmit queue 0).',
      ),
      bits('FILTERS', 8, 19, 'Entries of the receive-filter table.'),
      bits('MSIX', 20, 31, 'Entries of the MSI-X table.'),
    ],
  ],
  [
    'CAPF',
    'RO',
    'device',
    'Features.',
    [
      bit('SPLIT', 0, 'Header split.'),
      bit('RXCSUM', 1, 'Receive checksum validation.'),
      bit('ITR', 2, 'Interrupt moderation.'),
      bit('TXVLAN', 3, 'Tag insertion on transmit.'),
      bit('NVGRE', 4, 'Filters on the inner destination of NVGRE frames.'),
    ],
  ],
  [
    'CAUSE',
    'W1C',
    'live',
    'Why the CAUSEENTRY interrupt was sent.',
    [bit('LINK', 0, 'The link went up or down.'), bit('DMAFAULT', 1, 'A DMA transfer was refused.')],
  ],
  ['CAUSEEN', 'RW', 'live', 'Causes that send an interrupt when they become set; bits as in CAUSE.'],
  ['CAUSEENTRY', 'RW', 'live', 'MSI-X entry for CAUSE.'],
  ['PMACLO', 'RO', 'device', 'Permanent address, first four bytes, as in MACLO.'],
  ['PMACHI', 'RO', 'device', 'Permanent address, last two bytes, as in MACHI.'],
  [
    'CAPL',
    'RO',
    'device',
    'Header split sizes, zero without the feature.',
    [
      bits('MIN', 0, 15, 'Smallest header size in bytes.'),
      bits('MAX', 16, 31, 'Largest header size in bytes.'),
    ],
  ],
  ['CAPM', 'RO', 'device', 'Largest value MFS may take.'],
  [
    'RXSTAMP',
    'RO',
    'device',
    'Stamp of the latest frame of the port: 1, 2, 3 … 2^31 - 1 and 1 again; 0 = none yet. No reset puts it back.',
  ],
  ['ENGINES', 'RO', 'device', 'Receive engines that work side by side, 1 to 8; see RXENG.'],
];

const MULTICAST: readonly Row[] = [
  ['MCLO', 'RW', 'config', 'Multicast address to accept, first four bytes, the first in bits 31..24.'],
  [
    'MCHI',
    'RW',
    'config',
    'Multicast address to accept, the rest.',
    [bits('ADDR', 0, 15, 'Last two bytes.'), bit('VALID', 31, 'The entry counts.')],
  ],
];

const QUEUE_STATUS: readonly RegisterField[] = [
  bit('ENABLED', 0, 'The queue is in use: DMA is active.'),
  bit('STARVED', 1, 'The port is waiting for a descriptor of this queue.'),
  bit('ERROR', 2, 'Enabling was refused: ring length, alignment, segment or DMA rights are wrong.'),
];

const RECEIVE: readonly Row[] = [
  ['RDBASE', 'RW', 'enable', 'Descriptor ring: byte offset, a multiple of 16.'],
  ['RDSEG', 'RW', 'enable', 'Descriptor ring: memory segment; must be 0, host memory.'],
  ['RDLEN', 'RW', 'enable', 'Descriptors in the ring: a power of two, 2..32768.'],
  ['RDT', 'DOORBELL', 'attention', 'Descriptors posted since the queue was enabled, free-running.'],
  ['RDH', 'RO', 'device', 'Descriptors consumed since the queue was enabled, free-running.'],
  ['RCBASE', 'RW', 'enable', 'Completion ring: byte offset, a multiple of 32. It has RDLEN entries.'],
  ['RCSEG', 'RW', 'enable', 'Completion ring: memory segment; must be 0, host memory.'],
  [
    'RSBASE',
    'RW',
    'enable',
    'Status block: byte offset in segment 0, a multiple of 4. Word 0 = completions written, free-running.',
  ],
  [
    'RXCTL',
    'RW',
    'config',
    'Queue control.',
    [
      bit('ENABLE', 0, 'The queue takes frames; its filters are active.'),
      bit('DROPEN', 1, 'Without a descriptor drop the frame; otherwise the whole port waits.'),
      bit('SPLIT', 2, 'Split frames: the first HEADER bytes go to the header buffer.'),
      bit('VLANSTRIP', 3, 'Always behaves as 1: a received 802.1Q tag is removed and reported.'),
      bit('CSUMEN', 4, 'Check IPv4, TCP and UDP checksums and report the result.'),
      bits('HEADER', 16, 31, 'Header size in bytes, with SPLIT.'),
    ],
  ],
  ['RXSTS', 'RO', 'device', 'Queue status.', QUEUE_STATUS],
  [
    'RXBUF',
    'RW',
    'config',
    'Buffer sizes.',
    [bits('PACKET', 0, 15, 'Packet buffer bytes.'), bits('HEADER', 16, 31, 'Header buffer bytes.')],
  ],
  [
    'RXARM',
    'DOORBELL',
    'attention',
    'Write 1: send one interrupt as soon as there are completions the driver was not told of. The device clears it when it sends.',
  ],
  ['RXENTRY', 'RW', 'live', 'MSI-X entry of the queue.'],
  ['RXITR', 'RW', 'live', 'Least nanoseconds between two interrupts of the queue; 0 = no moderation.'],
  ['RXPKTLO', 'RO', 'device', 'Frames written to memory, low word.'],
  ['RXPKTHI', 'RO', 'device', 'Frames written to memory, high word.'],
  ['RXBYTLO', 'RO', 'device', 'Bytes written to memory (without tags), low word.'],
  ['RXBYTHI', 'RO', 'device', 'Bytes written to memory, high word.'],
  ['RXDROP', 'RO', 'device', 'Frames dropped for want of a descriptor.'],
  ['RXFAULT', 'RO', 'device', 'Frames dropped because DMA was refused, modulo 2^32.'],
  ['RXSMALL', 'RO', 'device', 'Frames dropped because they did not fit the buffer, modulo 2^32.'],
  [
    'RCT',
    'RW',
    'live',
    'Completions the driver has consumed, free-running. Optional: written before RXARM it saves an interrupt for completions already seen.',
  ],
  [
    'RXENG',
    'RW',
    'config',
    'Receive engine that serves the queue, modulo ENGINES. Power-on value: the queue number modulo ENGINES.',
  ],
  ['RXDROPHI', 'RO', 'device', 'RXDROP, high word.'],
];

const TRANSMIT: readonly Row[] = [
  ['TDBASE', 'RW', 'enable', 'Descriptor ring: byte offset, a multiple of 16.'],
  ['TDSEG', 'RW', 'enable', 'Descriptor ring: memory segment; must be 0, host memory.'],
  ['TDLEN', 'RW', 'enable', 'Descriptors in the ring: a power of two, 2..32768.'],
  [
    'TDT',
    'DOORBELL',
    'attention',
    'Descriptors posted since the queue was enabled, free-running. More than the ring holds counts as a full ring.',
  ],
  ['TDH', 'RO', 'device', 'Descriptors completed since the queue was enabled, free-running.'],
  [
    'TSBASE',
    'RW',
    'enable',
    'Status block: byte offset in segment 0, a multiple of 4. Word 0 = descriptors completed, free-running.',
  ],
  ['TXCTL', 'RW', 'config', 'Queue control.', [bit('ENABLE', 0, 'The queue is served.')]],
  ['TXSTS', 'RO', 'device', 'Queue status; STARVED = the wire is full.', QUEUE_STATUS],
  [
    'TXARM',
    'DOORBELL',
    'attention',
    'Write 1: send one interrupt as soon as there are completions the driver was not told of.',
  ],
  ['TXENTRY', 'RW', 'live', 'MSI-X entry of the queue.'],
  ['TXITR', 'RW', 'live', 'Least nanoseconds between two interrupts of the queue; 0 = no moderation.'],
  ['TXPKTLO', 'RO', 'device', 'Frames sent, low word.'],
  ['TXPKTHI', 'RO', 'device', 'Frames sent, high word.'],
  ['TXBYTLO', 'RO', 'device', 'Bytes sent, low word.'],
  ['TXBYTHI', 'RO', 'device', 'Bytes sent, high word.'],
  ['TXFAULT', 'RO', 'device', 'Frames dropped: DMA refused, or the descriptors describe no frame.'],
  ['TCT', 'RW', 'live', 'Completions the driver has consumed; as RCT.'],
];

const FILTER: readonly Row[] = [
  ['FLTLO', 'RW', 'config', 'Destination address, first four bytes, the first in bits 31..24.'],
  ['FLTHI', 'RW', 'config', 'Destination address, last two bytes, in bits 15..0.'],
  [
    'FLTVLAN',
    'RW',
    'config',
    'VLAN test.',
    [
      bits('VID', 0, 11, 'VLAN id, with MODE 1.'),
      bits('MODE', 16, 17, '0 any VLAN; 1 this VLAN id (0 as mode 2); 2 untagged or VLAN id 0; 3 never.'),
    ],
  ],
  [
    'FLTQ',
    'RW',
    'config',
    'Where frames go.',
    [bits('QUEUE', 0, 7, 'Receive queue.'), bit('VALID', 31, 'The entry counts.')],
  ],
];

const MSIX: readonly Row[] = [
  ['MSIXADDRLO', 'RW', 'live', 'Message address, low word.'],
  ['MSIXADDRHI', 'RW', 'live', 'Message address, high word; zero.'],
  ['MSIXDATA', 'RW', 'live', 'Message data.'],
  [
    'MSIXVCTRL',
    'RW',
    'attention',
    'Vector control.',
    [bit('MASK', 0, 'Send nothing; remember it in the PBA. Set at power-on.')],
  ],
];

const STATISTICS: readonly Row[] = [
  ['GPRC', 'RO', 'device', 'Good frames received: written to memory.'],
  ['RUNT', 'RO', 'device', 'Frames shorter than their Ethernet header (and tag).'],
  ['OVERSIZE', 'RO', 'device', 'Frames longer than MFS allows.'],
  ['NOMATCH', 'RO', 'device', 'Unicast frames that neither a filter nor RCTL accepts.'],
  ['MCREFUSED', 'RO', 'device', 'Multicast frames not accepted.'],
  ['BCREFUSED', 'RO', 'device', 'Broadcast frames not accepted.'],
  ['RXDISABLED', 'RO', 'device', 'Frames while CTRL.RXEN was clear.'],
  ['GPTC', 'RO', 'device', 'Good frames transmitted.'],
  ['TXFAULTS', 'RO', 'device', 'Frames not transmitted, all queues.'],
  ['SPURIOUS', 'RO', 'device', 'Interrupts for an MSI-X entry that does not exist.'],
  ['QSTOPPED', 'RO', 'device', 'Frames for queue 0 while it was disabled.'],
  ['NODESC', 'RO', 'device', 'Frames dropped for want of a descriptor, all queues.'],
  ['BUFSMALL', 'RO', 'device', 'Frames that did not fit the buffer, all queues.'],
  ['RXFAULTS', 'RO', 'device', 'Frames dropped because DMA was refused, all queues.'],
  ['LINKDOWN', 'RO', 'device', 'Frames while the link was down.'],
  ['GORC', 'RO', 'device', 'Bytes of good frames received.'],
  ['GOTC', 'RO', 'device', 'Bytes of good frames transmitted.'],
  ['INTERRUPTS', 'RO', 'device', 'MSI-X messages sent.'],
];

function define(
  group: RegisterDefinition['group'],
  rows: readonly Row[],
  count: number = 1,
  stride: number = 0,
): RegisterDefinition[] {
  return rows.map(([name, access, effect, meaning, fields = []]) => ({
    name,
    group,
    offset: REG[name],
    count,
    stride,
    access,
    effect,
    meaning,
    fields,
  }));
}

/** Both halves of every 64-bit global statistic: NAME at its offset, NAME high word 4 bytes on. */
function counters(rows: readonly Row[]): RegisterDefinition[] {
  return define('statistics', rows).flatMap((low) => [
    low,
    { ...low, name: `${low.name}HI`, offset: low.offset + 4, meaning: `${low.name}, high word.` },
  ]);
}

/** Every register of the BAR, in the order of the datasheet. */
export const NIC_REGISTERS: readonly RegisterDefinition[] = [
  ...define('global', GLOBAL),
  ...define('global', MULTICAST, MULTICAST_ENTRIES, MULTICAST_STRIDE),
  ...define('receive queue', RECEIVE, MAX_QUEUES, RX_QUEUE_STRIDE),
  ...define('transmit queue', TRANSMIT, MAX_QUEUES, TX_QUEUE_STRIDE),
  ...define('filter', FILTER, MAX_FILTERS, FILTER_STRIDE),
  ...define('msi-x', MSIX, MAX_MSIX_ENTRIES, MSIX_STRIDE),
  ...define(
    'msi-x',
    [['PBA', 'RO', 'device', 'Pending bits: entry e is bit e % 32 of word e / 32.']],
    MAX_MSIX_ENTRIES / 32,
    4,
  ),
  ...counters(STATISTICS),
];
