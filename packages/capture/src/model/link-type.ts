/**
 * Link-layer types as registered at https://www.tcpdump.org/linktypes.html; the few this stack meets.
 * Any other number is carried unchanged.
 */
export const LINKTYPE_NULL = 0;
export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW = 101;
export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_LINUX_SLL2 = 276;
