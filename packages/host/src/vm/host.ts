/** What a host is to those who use it: a wire, the VMs' frames, a trace, a report. */

import type { FilterDriver } from '@vmq/ddi';
import type { GuestMessage } from '@vmq/guest';
import type {
  CounterStart,
  DmaDomain,
  Executor,
  FrameProducer,
  Machine,
  MemorySegment,
  TraceReader,
  TraceRecord,
} from '@vmq/machine';
import type { Ndis, NdisAdapter } from '@vmq/ndis';
import type { SharedMemoryManager } from '@vmq/shared-memory';
import type { PortProperties, SwitchExtension, SwitchResult, VirtualSwitch } from '@vmq/vswitch';
import type { ExtraDataPaths } from '../agents/agent-factories.ts';
import type { HostConfig, VmConfig, VmConfigInput } from '../config/config.ts';
import type { HostSizes } from '../config/sizing.ts';
import type { AdapterPart } from '../parts/adapter-part.ts';
import type { HostView } from '../report/host-view.ts';
import type { HostReport } from '../report/report.ts';

/** The far end of the cable that is plugged into the NIC. */
export interface HostWire {
  /**
   * Puts a frame on the wire towards the NIC. Returns the frame's stamp (1, 2, 3 … 2^31 - 1, 1 …, as the NIC counts), or 0 when
   * the wire is full: then {@link Host.runUntilIdle} and try again. The NIC sees it after {@link flush}.
   */
  send(bytes: Uint8Array, offset: number, length: number): number;
  /** Lets the NIC see what was sent. */
  flush(): void;
  /** Takes the frames the NIC has transmitted; `bytes` is valid during the call only. Returns how many. */
  receive(take: (bytes: Uint8Array, offset: number, length: number) => void): number;
  /** The ring itself, for generators that prepare their frames in it. */
  readonly producer: FrameProducer;
}

/** A frame as it lay in the VM's own memory when the guest's driver received it. */
export interface ReceivedFrame {
  /** Number of the delivery at this VM, from 1. */
  readonly delivery: number;
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly length: number;
  /** 802.1Q TCI that came as out-of-band data, 0 = none. */
  readonly tci: number;
}

/** A port that is to be made for a VM: one that starts here, or one that wants to come from another host. */
export interface PortRequest {
  readonly vmName: string;
  readonly name: string;
  readonly properties: PortProperties;
  /** IsValidationPort: the port is only to find out whether this host would take the VM; nothing is connected. */
  readonly isValidationPort: boolean;
}

export interface HostOptions {
  /** Have every guest keep a copy of each frame it receives, for {@link Host.takeReceived}. Default false. */
  readonly record?: boolean;
  /** Give every guest a program that sends what {@link Host.sendFrom} is given. Default false. */
  readonly sources?: boolean;
  /** Called with the name of each rare branch that is taken, in this thread; see `Machine.reach`. Default: nobody is told. */
  readonly onMark?: (mark: string) => void;
  /** Trace records kept per agent; default 4096. */
  readonly traceRecords?: number;
  /** Size of the wire towards the NIC; default: 512 frames, 1 MiB or more. */
  readonly wire?: { readonly slots: number; readonly dataBytes: number };
  /** Other sizes of memory than the configuration's own, e.g. to make many small hosts one after the other. */
  readonly sizes?: Partial<HostSizes>;
  /** Data paths of one's own drivers (deterministic executor; a worker entry of one's own brings its own). */
  readonly dataPaths?: ExtraDataPaths;
  /**
   * The network adapter, where it is not to be the configuration's own: a NIC model, a miniport driver, a name. One of them:
   * an external switch is bound to one adapter, and teams are not modelled. Default: `[{}]`.
   */
  readonly adapters?: readonly AdapterPart[];
  /** Filter drivers: each gets a module on the adapter, the first one next to the miniport. */
  readonly filterDrivers?: readonly FilterDriver[];
  /** Extensions of the switch. */
  readonly switchExtensions?: readonly SwitchExtension[];
  /** Ledger counters in which data paths of one's own end frames, e.g. `dropped.filter.sampled`. */
  readonly dropReasons?: readonly string[];
  /**
   * Asked before each port is made, as a switch extension is with OID_SWITCH_PORT_CREATE. A status other than
   * NDIS_STATUS_SUCCESS vetoes it.
   */
  readonly admitPort?: (request: PortRequest) => SwitchResult | undefined;
  /**
   * What a VM's guest is started with beyond its configuration: cloneable, and for guests of one's own
   * (`dataPaths.agents`), which find it as `GuestAgentData.program`.
   */
  readonly guestProgram?: (vm: VmConfig) => unknown;
  /**
   * Which agents share a worker thread, by name: `nic` (and `nic:N`, further receive engines), `processor:N`, `vm:NAME`; or
   * `'per-processor'`: each processor with its receive engine and the configuration's VMs it works for. By default each
   * receive engine has a thread, the configuration's VMs have one together, each VM that comes later its own, and the
   * processors as many as there are {@link cores}, at least two. A thread costs some 20 MB. A VM that shares a thread with the host is
   * kept to its own memory by its context alone.
   */
  readonly placement?: readonly (readonly string[])[] | 'per-processor';
  /** Empty looks for work before a worker thread sleeps; default 2000, about as long as waking a sleeper takes. */
  readonly spin?: number;
  /** Cores that the worker threads share: with more of them awake, none spins. Default: those Node says there are. */
  readonly cores?: number;
  /**
   * Where counters begin, so that a run reaches their ends: `counters: { words: -100 }` has every free-running 32-bit
   * counter wrap after 100 steps, `{ words: 0x7fff_ff9c }` become negative, `{ stamps: 0x7fff_ff9b }` the receive stamps
   * begin anew; {@link CounterStart} says all. What a host does is the same wherever they begin; a simulator may draw them
   * from its seed. Default: 0.
   */
  readonly counters?: Partial<CounterStart>;
  /** Entry file of the worker threads; default: this package's. */
  readonly workerEntry?: URL;
}

export interface Host {
  readonly config: HostConfig;
  readonly machine: Machine;
  readonly executor: Executor;
  readonly sharedMemory: SharedMemoryManager;
  readonly ndis: Ndis;
  /** The external adapter; another one after {@link replaceAdapter}. */
  readonly adapter: NdisAdapter;
  readonly virtualSwitch: VirtualSwitch;
  readonly wire: HostWire;
  readonly trace: TraceReader;
  /** What the NIC may reach. */
  readonly dmaDomain: DmaDomain;
  /**
   * Most frames to send between two {@link runUntilIdle} so that none is dropped for want of a buffer anywhere,
   * whatever queue they go to.
   */
  readonly window: number;
  /** Names of the VMs that are here now, in the order of their coming. */
  readonly vmNames: readonly string[];
  /**
   * Starts a VM while the host runs: memory, agent, channel, port, NIC, connection. INVALID_PARAMETER for a
   * configuration with problems, RESOURCE_CONFLICT for a name or MAC that is taken, RESOURCES beyond `maxVms`,
   * FAILURE if its guest does not open the channel, and what the switch says. Refused, nothing has changed.
   */
  addVm(vm: VmConfigInput): SwitchResult;
  /**
   * Ends a VM: its queue is freed, its memory is wiped for the next one. What it has received can still be taken until 64
   * more VMs have left.
   * INVALID_PARAMETER for an unknown one. INVALID_PORT_STATE: it is gone, but its port is referred to and stays until
   * it is called again without a reference left. FAILURE: the adapter keeps buffers in its memory (its device does not
   * answer, say); it runs no more, and is gone when this is called again and they are back.
   */
  removeVm(name: string): SwitchResult;
  /**
   * Puts another NIC of the same kind where one was, and brings an adapter up on it: the switch has a wire again, and VMs
   * get queues. FAILURE while {@link adapter} is not Halted; else what its initialization or restart comes to.
   */
  replaceAdapter(): SwitchResult;
  /**
   * Has the VM's virtual processor stand still at once, before it takes or sends another frame. May be called at any
   * instant, by a driver in the middle of an indication or an OID request too: it only writes a word that the VM looks
   * at. The host goes on working for the VM, until the VM's memory is full. INVALID_PARAMETER for an unknown one.
   */
  pauseVm(name: string): SwitchResult;
  /** Undoes {@link pauseVm}. A paused VM that moves stays paused, and is resumed where it is then. */
  resumeVm(name: string): SwitchResult;
  /**
   * Lets everything run until nothing is left to do. That never comes while a guest of one's own never rests: wait with
   * `executor.runUntil` for what is to happen.
   */
  runUntilIdle(): void;
  /** Frames that the VM `name` has received since the last call, in its order; views valid during the call. */
  takeReceived(name: string, take: (frame: ReceivedFrame) => void): number;
  /**
   * Has a program in the VM send a frame (without FCS), with an 802.1Q TCI beside it, 0 = none. True if the frame was put
   * into the VM's source, from which it goes when the VM runs. False, with the reason in {@link sendRefusal}, for a frame
   * that is longer than the VM's channel takes (tags do not count) or shorter than an Ethernet header, for a `tci` that is
   * none, while the source is full, and if none was asked for ({@link HostOptions.sources}). Throws for a VM that is
   * not here, and for bytes that `bytes` does not have.
   */
  sendFrom(name: string, bytes: Uint8Array, offset: number, length: number, tci?: number): boolean;
  /** Why the last {@link sendFrom} returned false, with the limit that was passed; null if it returned true. */
  readonly sendRefusal: string | null;
  /**
   * Has the guest of a VM begin to send or to answer, or close its channel. INVALID_PARAMETER, and nothing done, for an
   * unknown VM and for what the guest cannot do, such as frames longer than its channel takes.
   */
  tellGuest(name: string, message: GuestMessage): SwitchResult;
  /** The memory of a VM that is here now. Throws for one that is not. */
  guestMemory(name: string): MemorySegment;
  /** What the VM's driver has counted, by name (see GUEST_STATISTICS of `@vmq/guest`). */
  guestStatistics(name: string): Readonly<Record<string, number>>;
  /** Makes a changed trace level known to all agents. */
  publish(): void;
  /** One trace record in words, by whoever wrote it. */
  describe(record: TraceRecord): string;
  /** The host at this moment, as data. */
  view(): HostView;
  /** What the view says, as Windows prints it. */
  inspect(): HostReport;
  /** Ends the agents; worker threads are gone when it resolves. */
  stop(): Promise<void>;
}
