/** Where frames end inside the device, by name; the ledger's counters. Index = drop code used in the trace. */
export const NIC_DROP_REASONS = [
  'dropped.nic.runt',
  'dropped.nic.oversize',
  'dropped.nic.rx-disabled',
  'dropped.nic.no-match',
  'dropped.nic.multicast-not-accepted',
  'dropped.nic.broadcast-not-accepted',
  'dropped.nic.queue-stopped',
  'dropped.nic.no-descriptor',
  'dropped.nic.buffer-too-small',
  'dropped.nic.dma-fault',
  'dropped.nic.link-down',
  'dropped.nic.tx-fault',
] as const;

export const DROP_RUNT = 0;
export const DROP_OVERSIZE = 1;
export const DROP_RX_DISABLED = 2;
export const DROP_NO_MATCH = 3;
export const DROP_MULTICAST = 4;
export const DROP_BROADCAST = 5;
export const DROP_QUEUE_STOPPED = 6;
export const DROP_NO_DESCRIPTOR = 7;
export const DROP_BUFFER_TOO_SMALL = 8;
export const DROP_DMA_FAULT = 9;
export const DROP_LINK_DOWN = 10;
export const DROP_TX_FAULT = 11;
