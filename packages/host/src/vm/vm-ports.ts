/**
 * What the VMs of one host have on its switch: a port, and on it a NIC with the VM's address.
 *
 *   created ──NIC──> nic-created ──connect──> connected ──disconnect──> disconnected ──> created ──teardown──> torn-down
 *
 * A port that somebody still refers to outlives its VM: it is deleted when it is asked for again.
 */
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import {
  DEFAULT_PORT_PROPERTIES,
  type NicOptions,
  type PortProperties,
  type SwitchResult,
  type VirtualSwitch,
} from '@vmq/vswitch';
import type { VmConfig } from '../config/config.ts';
import type { Guest } from './guests.ts';
import type { PortRequest } from './host.ts';

/** Has a say in every port that is made for a VM: a refusal, or undefined. */
export type AdmitPort = (request: PortRequest) => SwitchResult | undefined;

const OK: SwitchResult = { status: NDIS_STATUS_SUCCESS };
const failed = ({ status }: SwitchResult): boolean => status !== NDIS_STATUS_SUCCESS;

export class VmPorts {
  readonly #switch: VirtualSwitch;
  readonly #admit: AdmitPort | undefined;
  /** Ports of VMs that have left, which somebody still refers to. */
  readonly #referenced = new Map<string, number>();

  constructor(virtualSwitch: VirtualSwitch, admit: AdmitPort | undefined) {
    this.#switch = virtualSwitch;
    this.#admit = admit;
  }

  /** What the switch says of a port. */
  inspect(port: number): ReturnType<VirtualSwitch['inspectPort']> {
    return this.#switch.inspectPort(port);
  }

  create(
    vmName: string,
    properties: PortProperties,
    isValidationPort: boolean = false,
  ): ReturnType<VirtualSwitch['createPort']> {
    const name = portName(vmName, isValidationPort);
    const admitted = this.#admit?.({ vmName, name, properties, isValidationPort }) ?? OK;
    if (failed(admitted)) return { ...admitted, port: 0 };
    return this.#switch.createPort(name, properties);
  }

  /** A port in place of one that was there a moment ago: nobody is asked. */
  recreate(vmName: string, properties: PortProperties): ReturnType<VirtualSwitch['createPort']> {
    return this.#switch.createPort(portName(vmName), properties);
  }

  /** The NIC of a VM; `change`: its channel, or another address than the configured one. */
  createNic(guest: Guest, change: Partial<Pick<NicOptions, 'channel' | 'mac'>> = {}): SwitchResult {
    const { vm, mac, port } = guest;
    return this.#switch.createNic(port, { name: `${vm.name} NIC`, vmName: vm.name, mac, ...change });
  }

  /** Takes a port through the rest of its life, from wherever it stands. */
  unplug(port: number): SwitchResult {
    for (;;) {
      const state = this.inspect(port)?.state;
      if (state === undefined) return OK;
      const step =
        state === 'connected'
          ? 'disconnectNic'
          : state === 'nic-created' || state === 'disconnected'
            ? 'deleteNic'
            : state === 'created'
              ? 'teardownPort'
              : 'deletePort';
      const result = this.#switch[step](port);
      if (failed(result)) return result;
    }
  }

  /** The VM has left and its port could not be deleted. */
  keepReferenced(vmName: string, port: number): void {
    this.#referenced.set(vmName, port);
  }

  /** Deletes the port that a VM left behind; undefined if it left none. */
  deleteReferenced(vmName: string): SwitchResult | undefined {
    const port = this.#referenced.get(vmName);
    if (port === undefined) return undefined;
    const deleted = this.#switch.deletePort(port);
    if (!failed(deleted)) this.#referenced.delete(vmName);
    return deleted;
  }
}

function portName(vmName: string, isValidationPort: boolean = false): string {
  return isValidationPort ? `${vmName} validation port` : `${vmName} port`;
}

/** Port properties of a VM as configured. */
export function portPropertiesOf(vm: VmConfig): PortProperties {
  return {
    ...DEFAULT_PORT_PROPERTIES,
    vlan: { mode: 'access', vlan: vm.vlan },
    allowMacSpoofing: vm.allowMacSpoofing,
    vmqWeight: vm.vmqWeight,
  };
}
