// The walks of docs/architecture.md, each as something that can be done again and again: a frame that is received, a
// frame that is sent, an OID, an NBL that comes back, a migration, an explanation.
//
// Idle runs say what a walk leaves out. A frame's idle machine has nothing to do; an explanation's receives the frame
// that is explained, so that what is left is the explanation alone.
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { CapturedPacket } from '@vmq/capture';
import type { Binding, ProtocolDriver } from '@vmq/ddi';
import * as hostModule from '@vmq/host';
import { migrateVm } from '@vmq/migration';
import * as nicModule from '@vmq/nic';
import { FrameFeed } from '../../../packages/cli/dist/replay/frame-feed.js';
import { PacketIntake } from '../../../packages/cli/dist/replay/packet-intake.js';
import { ProblemLog } from '../../../packages/cli/dist/replay/problem-log.js';
import { explain } from '../../../packages/cli/dist/why/explain-frame.js';
import { ExtensionStack } from '../../../packages/vswitch/dist/extensions/extension-stack.js';
import { ReceiveFilterRequests } from '../../../packages/vswitch/dist/vmq/receive-filter-requests.js';
import type { Run } from './entered-files.ts';
import { entryOrder } from './entry-order.ts';
import { bringUp, deterministic, receivedFrame, rest, sentFrame } from './frame-host.ts';

type Host = hostModule.Host;

/** One walk and the hosts it goes through. */
interface Walk {
  readonly run: Run;
  readonly hosts: readonly Host[];
}

const VM = 'a';
const MAC = [0x00, 0x15, 0x5d, 0, 0, 1];
const PEER = [2, 0, 0, 0, 0, 9];
/** What the OID asks for. */
const QUEUE = {
  vmName: 'walk',
  queueName: 'walk',
  portId: 0,
  processor: 0,
  suggestedBuffers: 16,
  lookaheadSize: 0,
};
/** More than a lookahead buffer holds: the rest lies in the guest's section until the guest has read it. */
const SPLIT_LENGTH = 1000;

function hostInCircle(): Host {
  return bringUp({ host: hostModule, nic: nicModule }, { inCircle: true });
}

/** One action, done in one turn. */
function once(act: () => void): Pick<Run, 'turn'> & { rearm(): void } {
  let isDone = false;
  return {
    rearm: () => {
      isDone = false;
    },
    turn: () => {
      if (isDone) return false;
      isDone = true;
      act();
      return true;
    },
  };
}

function received(): Walk {
  const host = hostInCircle();
  return { run: receivedFrame(host), hosts: [host] };
}

function sent(): Walk {
  const host = hostInCircle();
  return { run: sentFrame(host), hosts: [host] };
}

function frameForVm(length: number): Uint8Array {
  const frame = new Uint8Array(length);
  frame.set([...MAC, ...PEER, 0x88, 0xb5]);
  return frame;
}

/** From the turn in which the guest takes a split frame: its NBL is the guest's until then. */
function returned(): Walk {
  const host = hostInCircle();
  const executor = deterministic(host.executor);
  const frame = frameForVm(SPLIT_LENGTH);
  const delivered = (): number => host.inspect().ledger.ends.delivered;
  const begin = (): void => {
    const before = delivered();
    host.wire.send(frame, 0, frame.length);
    host.wire.flush();
    while (delivered() === before) if (!executor.step()) throw new Error('the frame was not delivered');
    if (host.adapter.inspect().outstanding.receives !== 1) throw new Error('the frame was not split');
  };
  return { run: { idle: () => rest(host), begin, turn: () => executor.step() }, hosts: [host] };
}

/** OID_RECEIVE_FILTER_ALLOCATE_QUEUE as the switch sends it, over the switch's own binding. */
function oid(): Walk {
  const host = hostInCircle();
  const requests = new ReceiveFilterRequests(switchBinding(host), 620, new ExtensionStack('walk', []));
  let queueId = 0;
  const allocation = once(() => {
    const answer = requests.allocateQueue(QUEUE);
    if (answer.status !== NDIS_STATUS_SUCCESS) throw new Error(`allocation: 0x${answer.status.toString(16)}`);
    queueId = answer.queueId;
  });
  const begin = (): void => {
    if (queueId !== 0) requests.freeQueue(queueId, QUEUE.portId);
    host.runUntilIdle();
    allocation.rearm();
  };
  return { run: { idle: () => rest(host), begin, turn: allocation.turn }, hosts: [host] };
}

/** A second protocol would change who gets which frames: so the adapter goes and comes again, and the switch is listened to. */
function switchBinding(host: Host): Binding {
  const { protocolDriver } = host.virtualSwitch;
  const { bindAdapter } = protocolDriver;
  const bound: Binding[] = [];
  const listening: Pick<ProtocolDriver, 'bindAdapter'> = {
    bindAdapter: (binding, parameters) => {
      bound.push(binding);
      return bindAdapter(binding, parameters);
    },
  };
  Object.assign(protocolDriver, listening);
  host.adapter.surpriseRemove();
  const { reason } = host.replaceAdapter();
  host.runUntilIdle();
  const [binding] = bound;
  if (binding === undefined) throw new Error(`the switch was not bound again: ${reason}`);
  return binding;
}

function hostNamed(name: string, vm: string, mac: string): Host {
  const checked = hostModule.checkHostConfig({ name, schedule: 'round-robin', vms: [{ name: vm, mac }] });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const host = hostModule.createHost(checked.config, { sources: true });
  host.runUntilIdle();
  return host;
}

/** A VM goes from one host to another; between two walks it goes back. */
function migration(): Walk {
  const from = hostNamed('one', VM, '00-15-5D-00-00-01');
  const to = hostNamed('two', 'b', '00-15-5D-00-00-02');
  const settle = (): void => {
    rest(from);
    rest(to);
  };
  const move = (source: Host, destination: Host): void => {
    const { status, reason } = migrateVm(source, destination, VM);
    if (status !== NDIS_STATUS_SUCCESS) throw new Error(reason);
  };
  const migrating = once(() => move(from, to));
  const begin = (): void => {
    if (to.vmNames.includes(VM)) move(to, from);
    settle();
    migrating.rearm();
  };
  return { run: { idle: settle, begin, turn: migrating.turn }, hosts: [from, to] };
}

/** What `vmq why` does for one frame, beyond that the frame is received. */
function explanation(): Walk {
  const host = hostInCircle();
  const feed = new FrameFeed(host, 1, () => {});
  const intake = new PacketIntake({ host, feed, problems: new ProblemLog(), outbound: 'send' });
  const packet = packetOf(frameForVm(64));
  const explaining = once(() => {
    const { faults, end } = explain(packet, host, feed, intake);
    if (faults.length > 0 || end !== 'delivered') throw new Error([end, ...faults].join('; '));
    // Data paths hear only now that the trace is off; an explanation ends its host instead.
    host.publish();
  });
  const idle = (): void => {
    rest(host);
    intake.offer(packet);
    feed.settle();
  };
  return { run: { idle, begin: explaining.rearm, turn: explaining.turn }, hosts: [host] };
}

function packetOf(bytes: Uint8Array): CapturedPacket {
  const { length } = bytes;
  return {
    index: 0,
    fileOffset: 0,
    sectionIndex: 0,
    interfaceId: 0,
    linkType: 1,
    hasTimestamp: true,
    seconds: 0,
    nanoseconds: 0,
    bytes,
    offset: 0,
    capturedLength: length,
    originalLength: length,
    comments: [],
    flags: null,
    queue: null,
    dropCount: null,
    fcsLength: null,
    frameLength: length,
    data: bytes,
  };
}

/** In the order in which the page has them. */
const WALKS = { received, sent, oid, returned, migration, explanation };

export type WalkName = keyof typeof WALKS;

export const WALK_NAMES = Object.keys(WALKS) as readonly WalkName[];

/** Goes one walk: the files whose functions it enters, in the order of first entry. */
export async function goWalk(name: WalkName): Promise<string[]> {
  const { run, hosts } = WALKS[name]();
  try {
    return await entryOrder(run);
  } finally {
    for (const host of hosts) await host.stop();
  }
}
