/** What would have let a dropped frame pass. Only where the answer is plain; else null. `sender`: the VM that sent it. */
import type { CapturedPacket } from '@vmq/capture';
import type { HostConfig, VmConfig } from '@vmq/host';
import { countedLength } from '@vmq/machine';
import { formatMacAddress, parseMacAddress, readMacHi, readMacLo, vlanIdOf } from '@vmq/wire';

export function dropAdvice(
  end: string,
  packet: CapturedPacket,
  config: HostConfig,
  sender: VmConfig | null,
): string | null {
  const { bytes, offset, frameLength: length } = packet;
  const mayNot = end === 'dropped.vswitch.vlan-mismatch' && sender !== null ? sender : null;
  if (mayNot !== null && vlanIdOf(bytes, offset, length) !== mayNot.vlan) {
    const asked = vlanText(vlanIdOf(bytes, offset, length));
    return `${mayNot.name} is in ${vlanText(mayNot.vlan)} and may not send in another; the frame is in ${asked}`;
  }
  switch (end) {
    case 'dropped.nic.runt':
    case 'dropped.vswitch.runt':
      return `a frame needs an Ethernet header of 14 bytes; this one has ${length}`;
    case 'dropped.nic.oversize':
    case 'dropped.nic.buffer-too-small': {
      return `set nic.jumboPacket to ${countedLength(bytes, offset, length, false)} or more`;
    }
    case 'dropped.nic.no-match':
    case 'dropped.vswitch.unknown-destination':
    case 'dropped.vswitch.source-port':
    case 'dropped.vswitch.vlan-mismatch':
      return adviseDestination(bytes, offset, length, config);
    case 'dropped.vswitch.no-member-port': {
      const vlan = vlanIdOf(bytes, offset, length);
      const nobody = vlan === 0 ? 'no VM takes untagged frames' : `no VM is in VLAN ${vlan}`;
      return `${nobody}; give one vlan: ${vlan}`;
    }
    case 'dropped.vswitch.reserved-address':
      return 'no bridge forwards 01-80-C2-00-00-00 to 0F (IEEE 802.1Q): such frames are for the next neighbour alone';
    case 'dropped.vswitch.mac-control':
      return 'no bridge forwards MAC control frames (type 88-08), such as PAUSE';
    case 'dropped.vswitch.invalid-source':
      return 'no station sends from a group address or from 00-00-00-00-00-00';
    case 'dropped.nic.no-descriptor':
      return 'give the queue more nic.receiveBuffers';
    default:
      return null;
  }
}

function adviseDestination(bytes: Uint8Array, offset: number, length: number, config: HostConfig): string {
  const hi = readMacHi(bytes, offset);
  const lo = readMacLo(bytes, offset);
  const mac = formatMacAddress(hi, lo);
  const vlan = vlanIdOf(bytes, offset, length);
  const owner = config.vms.find((vm) => {
    const parsed = parseMacAddress(vm.mac);
    return parsed !== null && parsed.hi === hi && parsed.lo === lo;
  });
  if (owner !== undefined) {
    return `${owner.name} has ${mac}, but in ${vlanText(owner.vlan)}; the frame is in ${vlanText(vlan)}`;
  }
  return `no VM has ${mac}: add one with vlan: ${vlan}`;
}

function vlanText(vlan: number): string {
  return vlan === 0 ? 'no VLAN' : `VLAN ${vlan}`;
}
