/** The host as its users see it: calls that go to whoever does the work. */
import { NDIS_STATUS_INVALID_PARAMETER } from '@vmq/abi';
import { describeGuestTrace } from '@vmq/guest';
import { printAs, type TraceReader, type TraceRecord } from '@vmq/machine';
import { describeMiniportTrace } from '@vmq/miniport';
import { describeNdisTrace, type Ndis } from '@vmq/ndis';
import { describeVmbusTrace } from '@vmq/netvsc';
import { describeNicTrace } from '@vmq/nic';
import type { SharedMemoryManager } from '@vmq/shared-memory';
import { describeSwitchTrace, type VirtualSwitch } from '@vmq/vswitch';
import { checkVmConfig } from '../config/check-config.ts';
import type { HostConfig } from '../config/config.ts';
import type { AdapterPart } from '../parts/adapter-part.ts';
import type { HostView } from '../report/host-view.ts';
import { reportOf } from '../report/inspect.ts';
import type { Host, HostWire } from '../vm/host.ts';
import { setVmLife, type VmLife } from '../vm/vm-life.ts';
import type { AdapterSlot } from './adapter-slot.ts';
import type { MachineRoom } from './machine-room.ts';

export interface HostParts {
  readonly config: HostConfig;
  readonly room: MachineRoom;
  readonly slot: AdapterSlot;
  readonly sharedMemory: SharedMemoryManager;
  readonly ndis: Ndis;
  readonly virtualSwitch: VirtualSwitch;
  readonly vms: VmLife;
  readonly vmqProcessors: readonly number[];
  readonly wire: HostWire;
  readonly trace: TraceReader;
  readonly describe: AdapterPart['describe'];
}

/** The calls that concern one VM. */
type VmCalls = Pick<
  Host,
  | 'addVm'
  | 'removeVm'
  | 'pauseVm'
  | 'resumeVm'
  | 'guestMemory'
  | 'takeReceived'
  | 'sendFrom'
  | 'tellGuest'
  | 'guestStatistics'
>;

export function hostOf(parts: HostParts): Host {
  const { config, room, slot, ndis, virtualSwitch, vms } = parts;
  const { machine, executor } = room;
  const host: Host = {
    ...vmCalls(vms),
    config,
    machine,
    executor,
    sharedMemory: parts.sharedMemory,
    ndis,
    get adapter() {
      return slot.adapter;
    },
    virtualSwitch,
    wire: parts.wire,
    trace: parts.trace,
    dmaDomain: slot.domain,
    window: Math.min(config.nic.receiveBuffers, 256),
    get vmNames() {
      return vms.names;
    },
    get sendRefusal() {
      return vms.sendRefusal;
    },
    replaceAdapter: () => slot.replace(),
    runUntilIdle() {
      executor.runUntilIdle();
      ndis.poll();
    },
    publish: () => executor.publish(),
    describe: (record) => describeRecord(record, parts.describe),
    view: () => viewOf(parts),
    inspect: () => reportOf(viewOf(parts)),
    stop: () => executor.stop(),
  };
  setVmLife(host, vms);
  return printAs(host, (self) => self.inspect());
}

function viewOf({ config, room, slot, virtualSwitch, vms, vmqProcessors }: HostParts): HostView {
  const { machine, executor } = room;
  const adapter = slot.adapter.inspect();
  return {
    config,
    executor: executor.kind,
    processors: machine.processorCount,
    nanoseconds: machine.clock.now(),
    vmqProcessors,
    ledger: machine.ledger.report(),
    adapter,
    queues: adapter.queues.map(({ queueId }) => ({ queueId, ...slot.card.queueCounters(queueId) })),
    virtualSwitch: virtualSwitch.inspect(),
    vms: vms.names.map((name) => vms.here(name).view()),
  };
}

function vmCalls(vms: VmLife): VmCalls {
  return {
    addVm(input) {
      const checked = checkVmConfig(input);
      if (checked.ok) return vms.add([checked.vm]);
      const reason = checked.problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
      return { status: NDIS_STATUS_INVALID_PARAMETER, reason };
    },
    removeVm: (name) => vms.remove(name),
    pauseVm: (name) => vms.suspend(name, true),
    resumeVm: (name) => vms.suspend(name, false),
    guestMemory: (name) => vms.here(name).slot.segment,
    takeReceived: (name, take) => vms.takeReceived(name, take),
    sendFrom: (name, bytes, offset, length, tci = 0) => vms.sendFrom(name, bytes, offset, length, tci),
    tellGuest: (name, message) => vms.tell(name, message),
    guestStatistics: (name) => vms.statistics(name),
  };
}

const DESCRIBERS = [
  describeNicTrace,
  describeMiniportTrace,
  describeNdisTrace,
  describeSwitchTrace,
  describeVmbusTrace,
  describeGuestTrace,
];

function describeRecord(record: TraceRecord, own: AdapterPart['describe']): string {
  for (const describer of own === undefined ? DESCRIBERS : [own, ...DESCRIBERS]) {
    const line = describer(record);
    if (line !== null) return line;
  }
  const { kind, a, b, c, d, e } = record;
  return `record of unknown kind ${kind}: ${a} ${b} ${c} ${d} ${e}`;
}
