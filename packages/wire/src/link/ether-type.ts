/** EtherTypes, https://www.iana.org/assignments/ieee-802-numbers. A value below 0x0600 is an 802.3 length. */
export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
/** 802.1Q customer tag. */
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_IPV6 = 0x86dd;
/** 802.1ad service tag. */
export const ETHERTYPE_QINQ = 0x88a8;
/** Tag type of QinQ before 802.1ad; still met. */
export const ETHERTYPE_QINQ_OLD = 0x9100;
export const ETHERTYPE_LLDP = 0x88cc;
export const SMALLEST_ETHERTYPE = 0x0600;
