/**
 * A switch with real channels and guests on a deterministic machine. Where the adapter would be there is a tray:
 * tests put received chains in and find sent ones there. Everything else is the real thing.
 */

import {
  filteringInfo,
  ieee8021QFromTci,
  Mdl,
  type NetBufferList,
  NetBufferListPool,
  type ProtocolDataPath,
  type SendSink,
  tciFromIeee8021Q,
} from '@vmq/ddi';
import {
  type Agent,
  type AgentContext,
  createDeterministicExecutor,
  createMachine,
  createVirtualClock,
  type DeterministicExecutor,
  type Machine,
  Processor,
  TraceReader,
} from '@vmq/machine';
import {
  type ChannelControl,
  type ChannelGuest,
  createChannelControl,
  createChannelGuest,
  layoutGuest,
  VMBUS_DROP_REASONS,
} from '@vmq/netvsc';
import { createSharedMemoryManager, type SharedMemoryManager } from '@vmq/shared-memory';
import { parseMacAddress } from '@vmq/wire';
import {
  createSwitch,
  type NicOptions,
  type PortProperties,
  type SwitchDataImage,
  type SwitchExtensionDataPathFactories,
  type SwitchOptions,
  switchDataPathFactory,
  type VirtualSwitch,
  VSWITCH_DROP_REASONS,
} from '../src/index.ts';

export interface SeenFrame {
  readonly bytes: readonly number[];
  readonly tci: number;
}

export interface SentFrame extends SeenFrame {
  readonly queueId: number;
  /** NDIS_SEND_FLAGS_* of the call that brought it. */
  readonly flags: number;
}

export interface WireFrame {
  readonly bytes: readonly number[];
  readonly tci?: number;
  readonly queueId?: number;
  /** Bytes by which it begins behind a 64-byte boundary. */
  readonly shift?: number;
  /** Bytes of it that lie in a first MDL, the rest in a second one; 0 = all in one. */
  readonly cut?: number;
}

/** One VM: a port with a NIC, its channel and its guest. */
export interface BenchVm {
  readonly port: number;
  readonly control: ChannelControl;
  readonly received: SeenFrame[];
  /** False: the guest leaves what the host gives it in its receive buffer. */
  takes: boolean;
  /** Has the guest send; returns how many found room. */
  send(...frames: readonly SeenFrame[]): number;
}

export interface VmOptions {
  readonly name: string;
  readonly mac: string;
  readonly properties?: Partial<PortProperties>;
  readonly nic?: Partial<NicOptions>;
  readonly receiveSections?: number;
  readonly connect?: boolean;
  /** Its packet filter; default directed, all multicast, broadcast, and promiscuous where unknown unicast reaches its port. */
  readonly packetFilter?: number;
}

/** The adapter's place on one processor. */
class Tray implements SendSink {
  readonly sent: SentFrame[] = [];
  readonly returned: { count: number; flags: number }[] = [];
  /** Sends are completed at once; else when the test says so. */
  completes = true;
  /** NDIS_STATUS of completions. */
  status = 0;
  readonly held: NetBufferList[] = [];
  path: (ProtocolDataPath & { receiveMessage(message: unknown): void }) | null = null;
  readonly #pool: NetBufferListPool;

  constructor(pool: NetBufferListPool) {
    this.#pool = pool;
  }

  sendNetBufferLists(chain: NetBufferList, _portNumber: number, flags: number): void {
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      const nb = nbl.firstNetBuffer;
      const start = nb.mdl.byteOffset + nb.dataOffset;
      const bytes = [...nb.mdl.segment.u8.subarray(start, start + nb.dataLength)];
      this.sent.push({
        bytes,
        tci: tciFromIeee8021Q(nbl.ieee8021QInfo),
        queueId: nbl.filteringInfo >>> 16,
        flags,
      });
    }
    this.held.push(chain);
    if (this.completes) this.completeSends();
  }

  completeSends(): void {
    for (const chain of this.held.splice(0)) {
      for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) nbl.status = this.status;
      this.path?.sendNetBufferListsComplete(chain, 0);
    }
  }

  returnNetBufferLists(chain: NetBufferList, flags: number): void {
    let count = 0;
    for (let nbl: NetBufferList | null = chain; nbl !== null; ) {
      const next: NetBufferList | null = nbl.next;
      this.#pool.give(nbl);
      nbl = next;
      count++;
    }
    this.returned.push({ count, flags });
  }
}

export interface Bench {
  readonly machine: Machine;
  readonly executor: DeterministicExecutor;
  readonly sharedMemory: SharedMemoryManager;
  readonly sw: VirtualSwitch;
  readonly trace: TraceReader;
  readonly trays: readonly Tray[];
  readonly vms: readonly BenchVm[];
  /** Frames to the wire from all processors, in the order of processors. */
  readonly sent: SentFrame[];
  addVm(options: VmOptions): BenchVm;
  /** Indicates frames as one chain on a processor; `flags` as the miniport sets them. Returns their stamps. */
  receive(frames: readonly WireFrame[], flags?: number, processor?: number): number[];
  /** The same without letting the machine run afterwards. */
  settle(): void;
  /** Pool the received NBLs come from: all back means all returned. */
  readonly pool: NetBufferListPool;
}

const HOST_BYTES = 16 << 20;

export function createBench(
  options: Partial<SwitchOptions> & {
    processors?: number;
    seed?: number;
    externalRunning?: boolean;
    extensionPaths?: SwitchExtensionDataPathFactories;
  } = {},
): Bench {
  const clock = createVirtualClock();
  const processors = options.processors ?? 1;
  const machine = createMachine({
    hostMemoryBytes: HOST_BYTES,
    processors,
    agents: [],
    maxAgents: 48,
    dropReasons: [...VSWITCH_DROP_REASONS, ...VMBUS_DROP_REASONS],
    traceRecords: 4096,
    clock,
  });
  const sharedMemory = createSharedMemoryManager(machine);
  const pool = new NetBufferListPool(512, machine.memory.host);
  const trays = Array.from({ length: processors }, () => new Tray(pool));
  const guests = new Map<string, { vm: BenchVm; guest: ChannelGuest | null; outbox: SeenFrame[] }>();

  const makeProcessor = (context: AgentContext, index: number): Agent => {
    const processor = new Processor(index, machine.board);
    const tray = trays[index];
    return {
      step: () => processor.step(),
      refresh(messages) {
        for (const message of messages) {
          const { op } = message as { op: string };
          if (op === 'attach') {
            const { image } = message as { image: SwitchDataImage };
            const make = switchDataPathFactory(options.extensionPaths ?? {});
            tray.path = make(context, processor, image, tray);
          } else tray.path?.receiveMessage(message);
        }
      },
    };
  };
  const makeGuest = (context: AgentContext, name: string): Agent => {
    const entry = guests.get(name) as { vm: BenchVm; guest: ChannelGuest | null };
    const guest = createChannelGuest(context, {
      segment: machine.memory.segments.findIndex((segment) => segment.name === name),
      messages: entry.vm.control.messages,
      layout: layouts.get(name) as object,
      packetFilter: filters.get(name) as number,
    });
    entry.guest = guest;
    const memory = machine.memory.segments.find((segment) => segment.name === name) as { u8: Uint8Array };
    const handler = {
      frame(offset: number, length: number, tci: number): boolean {
        if (!entry.vm.takes) return false;
        entry.vm.received.push({ bytes: [...memory.u8.subarray(offset, offset + length)], tci });
        return true;
      },
    };
    return { step: () => guest.poll(handler, 64), refresh: () => {} };
  };
  const layouts = new Map<string, object>();
  const filters = new Map<string, number>();
  const executor = createDeterministicExecutor(machine, clock, {
    factories: { processor: makeProcessor as never, guest: makeGuest as never },
    seed: options.seed ?? 1,
  });
  executor.start(
    Array.from({ length: processors }, (_, i) => ({ name: `processor:${i}`, factory: 'processor', data: i })),
  );
  const transport = {
    post(processor: number | 'all', message: unknown): void {
      for (let i = 0; i < processors; i++) {
        if (processor === 'all' || processor === i) executor.post(`processor:${i}`, message);
      }
    },
    publish: () => executor.publish(),
    runUntil: (done: () => boolean) => executor.runUntil(done),
  };
  const { processors: _p, seed: _s, externalRunning: _r, extensionPaths: _e, ...switchOptions } = options;
  const sw = createSwitch({
    name: 'vSwitch',
    type: 'external',
    machine,
    sharedMemory,
    transport,
    ...switchOptions,
  });
  transport.post('all', { op: 'attach', image: sw.dataImage() });
  executor.publish();
  if (sw.type === 'external' && (options.externalRunning ?? true)) {
    sw.protocolDriver.restart(null as never);
  }

  const buffers = sharedMemory.allocate({
    segment: 0,
    length: 512 * 2112,
    contiguous: true,
    owner: 'test receive buffers',
    usage: 4,
  }).block;
  const receiveBase = buffers?.elements[0]?.offset ?? 0;
  let stamps = 0;
  const vms: BenchVm[] = [];

  const bench: Bench = {
    machine,
    executor,
    sharedMemory,
    sw,
    trace: new TraceReader(machine.traceImage),
    trays,
    vms,
    pool,
    get sent() {
      return trays.flatMap((tray) => tray.sent);
    },
    addVm({ name, mac, properties = {}, nic = {}, receiveSections = 64, connect = true, ...more }) {
      const eager = properties.allowMacSpoofing === true || options.floodUnknownUnicast === true;
      filters.set(name, more.packetFilter ?? (eager ? 0x2d : 0x0d));
      const layout = { receiveSections, sendSections: 64 };
      layouts.set(name, layout);
      const segment = machine.memory.addSegment(name, layoutGuest(layout).end);
      const guestAgent = machine.addAgent(name);
      const address = parseMacAddress(mac);
      if (address === null) throw new Error(`bad MAC ${mac}`);
      const created = sw.createPort(name, properties);
      if (created.status !== 0) throw new Error(created.reason);
      const control = createChannelControl(machine, {
        channel: created.port,
        segment: segment.id,
        guestAgent,
        macAddress: [
          ...Uint8Array.of(
            address.hi >>> 8,
            address.hi,
            address.lo >>> 24,
            address.lo >>> 16,
            address.lo >>> 8,
            address.lo,
          ),
        ],
      });
      const entry = { vm: null as unknown as BenchVm, guest: null as ChannelGuest | null, outbox: [] };
      const vm: BenchVm = {
        port: created.port,
        control,
        received: [],
        takes: true,
        send(...frames) {
          const guest = entry.guest as ChannelGuest;
          let n = 0;
          for (const { bytes, tci } of frames) {
            const at = guest.reserveSend();
            if (at < 0) break;
            segment.u8.set(bytes, at);
            guest.commitSend(bytes.length, tci);
            n++;
          }
          guest.flush();
          return n;
        },
      };
      entry.vm = vm;
      guests.set(name, entry);
      vms.push(vm);
      executor.start([{ name, factory: 'guest', data: name }]);
      control.offer();
      if (!executor.runUntil(() => control.poll()))
        throw new Error(`handshake of ${name} ended ${control.phase}`);
      const made = sw.createNic(vm.port, {
        name: `nic-${name}`,
        vmName: name,
        mac: address,
        channel: control,
        ...nic,
      });
      if (made.status !== 0) throw new Error(made.reason);
      if (connect) {
        const done = sw.connectNic(vm.port);
        if (done.status !== 0) throw new Error(done.reason);
      }
      executor.runUntilIdle();
      return vm;
    },
    receive(frames, flags = 0, processor = 0) {
      const numbers: number[] = [];
      let head: NetBufferList | null = null;
      let last: NetBufferList | null = null;
      frames.forEach(({ bytes, tci = 0, queueId = 0, shift = 0, cut = 0 }, i) => {
        const nbl = pool.take() as NetBufferList;
        const nb = nbl.firstNetBuffer;
        nb.mdl.byteOffset = receiveBase + i * 2112 + shift;
        nb.mdl.byteCount = 2112 - shift;
        nb.mdl.next = null;
        if (cut > 0 && cut < bytes.length) {
          const rest = new Mdl(machine.memory.host);
          rest.byteOffset = nb.mdl.byteOffset + cut;
          rest.byteCount = bytes.length - cut;
          nb.mdl.byteCount = cut;
          nb.mdl.next = rest;
        }
        nb.dataOffset = 0;
        nb.dataLength = bytes.length;
        nb.next = null;
        machine.memory.host.u8.set(bytes, nb.mdl.byteOffset);
        nbl.ieee8021QInfo = ieee8021QFromTci(tci);
        nbl.filteringInfo = filteringInfo(queueId, 0);
        nbl.stamp = ++stamps;
        nbl.filterSlot = queueId === 0 ? -1 : 3;
        numbers.push(nbl.stamp);
        if (last === null) head = nbl;
        else last.next = nbl;
        last = nbl;
      });
      if (head !== null) trays[processor].path?.receiveNetBufferLists(head, 0, frames.length, flags);
      return numbers;
    },
    settle() {
      executor.runUntilIdle();
    },
  };
  return bench;
}

/** Bytes of a MAC written `02-00-00-00-00-01`. */
export const macBytes = (mac: string): number[] => mac.split('-').map((pair) => Number.parseInt(pair, 16));

export const BROADCAST = 'FF-FF-FF-FF-FF-FF';

let serial = 0;

/** An untagged frame; its payload names it uniquely. */
export function frame(destination: string, source: string, length = 60): number[] {
  const bytes = [...macBytes(destination), ...macBytes(source), 0x88, 0xb5];
  const number = ++serial;
  bytes.push(number >>> 24, (number >>> 16) & 0xff, (number >>> 8) & 0xff, number & 0xff);
  while (bytes.length < length) bytes.push((bytes.length * 7 + number) & 0xff);
  return bytes;
}

/** The frame with an 802.1Q tag in its data. */
export const tagged = (bytes: readonly number[], tci: number): number[] => [
  ...bytes.slice(0, 12),
  0x81,
  0x00,
  tci >>> 8,
  tci & 0xff,
  ...bytes.slice(12),
];
