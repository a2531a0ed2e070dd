// A small host of any tree whose sources or build are loaded, at rest, and frames through it.
import { pathToFileURL } from 'node:url';
import type * as HostModule from '@vmq/host';
import type { Host } from '@vmq/host';
import type { DeterministicExecutor, Executor } from '@vmq/machine';
import type * as NicModule from '@vmq/nic';
import type { Run } from './entered-files.ts';

/** What packages of a tree export, as far as it is used here: the same in the tree before and after the redesign. */
export interface Tree {
  readonly host: Pick<typeof HostModule, 'checkHostConfig' | 'createHost'>;
  readonly nic: Pick<typeof NicModule, 'REG' | 'RX_QUEUE_STRIDE' | 'attachNicRegisters'>;
}

/** Loads the build of the tree at `path`. */
export async function loadTree(path: string): Promise<Tree> {
  const built = (name: string): Promise<unknown> =>
    import(new URL(`packages/${name}/dist/index.js`, pathToFileURL(`${path}/`)).href);
  const [host, nic] = await Promise.all([built('host'), built('nic')]);
  return { host, nic } as Tree;
}

/** What is switched on beside the plain case. */
export interface FrameOptions {
  readonly ndisVersion?: '6.20' | '6.30';
  /** `ALL` records every frame in every layer. */
  readonly trace?: boolean;
  /** Frames have a tag with a priority and no VLAN. */
  readonly priorityTag?: boolean;
  /** A switch extension that counts frames. */
  readonly extension?: boolean;
  /** The NIC looks into NVGRE frames; the frames are none. */
  readonly nvgre?: boolean;
  /** The NIC validates checksums. */
  readonly checksum?: boolean;
  /** Agents have their turns in a circle, so that who comes first does not depend on a seed. */
  readonly inCircle?: boolean;
}

const MAC = [0x00, 0x15, 0x5d, 0, 0, 1];
const PEER = [2, 0, 0, 0, 0, 9];
const TRACE_ALL = 2;
/** RXCTL.CSUMEN and RCTL.NVGRE. */
const CHECKSUM_BIT = 1 << 4;
const NVGRE_BIT = 1 << 4;
/** The default queue, and those of two VMs. */
const QUEUES = 3;
const EXTENSION = 'counting';
const TURNS_OF_REST = 64;

function frameOf(priorityTag: boolean): Uint8Array {
  const frame = new Uint8Array(64);
  frame.set([...MAC, ...PEER]);
  frame.set(priorityTag ? [0x81, 0, 0xa0, 0, 0x88, 0xb5] : [0x88, 0xb5], 12);
  return frame;
}

/** A host with two VMs, the first of which gets the frames. */
export function bringUp(tree: Tree, options: FrameOptions): Host {
  const checked = tree.host.checkHostConfig({
    ndisVersion: options.ndisVersion ?? '6.20',
    schedule: options.inCircle === true ? 'round-robin' : 'random',
    vms: [
      { name: 'a', mac: '00-15-5D-00-00-01' },
      { name: 'b', mac: '00-15-5D-00-00-02' },
    ],
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const counting = { ingress: () => {}, egress: () => {} };
  const host = tree.host.createHost(
    checked.config,
    options.extension === true
      ? {
          sources: true,
          switchExtensions: [{ name: EXTENSION, type: 'capturing', dataPathFactory: EXTENSION }],
          dataPaths: { switchExtensions: { [EXTENSION]: () => counting } },
        }
      : { sources: true },
  );
  if (options.trace === true) {
    host.trace.setLevel(TRACE_ALL);
    host.publish();
  }
  host.runUntilIdle();
  switchOn(tree, host, options);
  host.runUntilIdle();
  return host;
}

/** What a driver switches on in the device's registers. */
function switchOn(
  { nic: { REG, RX_QUEUE_STRIDE, attachNicRegisters } }: Tree,
  host: Host,
  options: FrameOptions,
): void {
  const segment = host.machine.memory.segments.find(({ name }) => name === 'nic');
  if (segment === undefined) throw new Error('the machine has no NIC');
  const registers = attachNicRegisters(segment, () => host.machine.board.wake(host.machine.agent('nic')));
  const set = (register: number, bits: number): void =>
    registers.write32(register, registers.read32(register) | bits);
  if (options.nvgre === true) set(REG.RCTL, NVGRE_BIT);
  if (options.checksum === true)
    for (let queue = 0; queue < QUEUES; queue++) set(REG.RXCTL + queue * RX_QUEUE_STRIDE, CHECKSUM_BIT);
  registers.write32(REG.CFGREQ, registers.read32(REG.CFGREQ) + 1);
}

/** One frame from the wire to a VM of `host`, and the same host with nothing to do. */
export function receivedFrame(host: Host, options: FrameOptions = {}): Run {
  const frame = frameOf(options.priorityTag === true);
  return run(host, () => {
    host.wire.send(frame, 0, frame.length);
    host.wire.flush();
  });
}

/** A frame that a VM sends to the wire. The host must have been made with sources. */
export function sentFrame(host: Host): Run {
  const frame = new Uint8Array(64);
  frame.set([...PEER, ...MAC, 0x88, 0xb5]);
  return run(host, () => {
    host.sendFrom('a', frame, 0, frame.length);
  });
}

function run(host: Host, begin: () => void): Run {
  const executor = deterministic(host.executor);
  return { idle: () => rest(host), begin, turn: () => executor.step() };
}

export function deterministic(executor: Executor): DeterministicExecutor {
  if (!isDeterministic(executor)) throw new Error(`an executor of kind ${executor.kind}`);
  return executor;
}

const isDeterministic = (executor: Executor): executor is DeterministicExecutor =>
  executor.kind === 'deterministic';

/**
 * Every agent has a turn, and finds nothing to do; so often that the executor, too, has done all that it does at rest: some
 * of it only every 64 turns.
 */
export function rest(host: Host): void {
  const { board, agentNames } = host.machine;
  const executor = deterministic(host.executor);
  const enough = executor.turns + TURNS_OF_REST;
  do {
    for (let agent = 0; agent < agentNames.length; agent++) board.wake(agent);
    host.runUntilIdle();
  } while (executor.turns < enough);
  host.wire.receive(() => {});
}
