/**
 * Addresses that hypervisors give to VMs which were not given one: their first three bytes are registered to the maker,
 * or, for QEMU, chosen by it. https://standards-oui.ieee.org/oui/oui.txt
 */
const PREFIXES: ReadonlySet<number> = new Set([
  0x00155d, // Microsoft Hyper-V
  0x001dd8, // Microsoft System Center Virtual Machine Manager
  0x0003ff, // Microsoft Virtual PC
  0x000569, // VMware
  0x000c29, // VMware
  0x001c14, // VMware
  0x005056, // VMware
  0x00163e, // Xen
  0x001c42, // Parallels
  0x080027, // VirtualBox
  0x525400, // QEMU, KVM
  0xbc2411, // Proxmox
]);

/** The address in two parts, as `readMacHi` and `readMacLo` give it. */
export function isHypervisorAddress(hi: number, lo: number): boolean {
  return PREFIXES.has(hi * 256 + (lo >>> 24));
}
