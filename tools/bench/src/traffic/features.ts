// What a host can have switched on beside the plain case, for the ratios to it.
import type { Host, HostOptions } from '@vmq/host';
import { TRACE_ALL, TRACE_DELIVERIES } from '@vmq/machine';
import { attachNicRegisters, RCTL_NVGRE, REG, RX_QUEUE_STRIDE, RXCTL_CSUMEN } from '@vmq/nic';

export interface Features {
  /** The NIC validates checksums on all queues. */
  readonly checksum?: boolean;
  /** The NIC looks for NVGRE in every frame. */
  readonly nvgre?: boolean;
  /** A capturing extension of the switch counts the frames of each batch. Needs profile 6.30. */
  readonly extension?: boolean;
  /** Everything is recorded of every frame, or its deliveries. */
  readonly trace?: 'all' | 'deliveries';
}

const COUNTING = 'counting';

/** Options that a host needs for some features from its making on. */
export function optionsOf({ extension = false }: Features): HostOptions {
  if (!extension) return {};
  let counted = 0;
  const dataPath = {
    ingress: (frames: { readonly count: number }) => {
      counted += frames.count;
    },
    egress: (frames: { readonly count: number }) => {
      counted += frames.count;
    },
    get counted() {
      return counted;
    },
  };
  return {
    switchExtensions: [{ name: COUNTING, type: 'capturing', dataPathFactory: COUNTING }],
    dataPaths: { switchExtensions: { [COUNTING]: () => dataPath } },
  };
}

/** Switches the rest of them on, as a driver does it, or a reader of the trace. */
export function switchOn(
  host: Host,
  { checksum = false, nvgre = false, trace }: Features,
  vms: number,
): void {
  if (trace !== undefined) {
    host.trace.setLevel(trace === 'all' ? TRACE_ALL : TRACE_DELIVERIES);
    host.publish();
  }
  if (checksum || nvgre) writeRegisters(host, { checksum, nvgre }, vms);
}

function writeRegisters(host: Host, { checksum, nvgre }: Features, vms: number): void {
  host.runUntilIdle();
  const { memory, board } = host.machine;
  const bar = memory.segments.find(({ name }) => name === 'nic');
  if (bar === undefined) throw new Error('the machine has no NIC');
  const registers = attachNicRegisters(bar, () => board.wake(host.machine.agent('nic')));
  const set = (register: number, bits: number): void =>
    registers.write32(register, registers.read32(register) | bits);
  if (nvgre === true) set(REG.RCTL, RCTL_NVGRE);
  if (checksum === true)
    for (let queue = 0; queue <= vms; queue++) set(REG.RXCTL + queue * RX_QUEUE_STRIDE, RXCTL_CSUMEN);
  registers.write32(REG.CFGREQ, registers.read32(REG.CFGREQ) + 1);
  host.runUntilIdle();
}
