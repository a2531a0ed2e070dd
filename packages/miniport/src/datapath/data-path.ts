/**
 * The miniport's data half on one processor: its interrupt, its DPC, the queues it serves and the one it sends by.
 *
 *   MSI-X message ──ISR──> whose? ──DPC──> those in turn, one budget for all ──> more? queue the DPC again
 *                                                                           └─> none? arm
 *
 * A device that completes between the last look and the arming interrupts at once: arming says what was consumed.
 */
import {
  NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_LOW_POWER_STATE,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_RESET_IN_PROGRESS,
  NDIS_STATUS_RESOURCES,
} from '@vmq/abi';
import {
  Mdl,
  type MiniportDataPath,
  type MiniportDataPathFactory,
  type NetBuffer,
  type NetBufferList,
  NetBufferListPool,
  type ProcessorServices,
  type ReceiveSink,
} from '@vmq/ddi';
import type { AgentContext } from '@vmq/machine';
import { attachNicRegisters, type NicRegisters } from '@vmq/nic';
import {
  DROPPED_ADAPTER_REMOVED,
  DROPPED_NO_TRANSMIT_QUEUE,
  DROPPED_QUEUE_GONE,
  DROPPED_RESET,
} from '../model/drop-reasons.ts';
import {
  type MiniportImage,
  type MiniportMessage,
  type ReceiveQueueImage,
  STATE_CONSUMED,
  STATE_POSTED,
  STATE_PRIMED,
  type WhyNoSends,
} from '../model/queue-image.ts';
import { CompletionGuard } from './completion-guard.ts';
import { createFrameLoops, type FrameLoops } from './frame-loops.ts';
import { DueQueues } from './ready-list.ts';
import { ReceiveQueue } from './receive-queue.ts';
import { TransmitQueue } from './transmit-queue.ts';

/** With what status a new send is refused and an accepted one abandoned, and which counter their frames end in. */
interface Refusal {
  readonly refused: number;
  readonly abandoned: number;
  readonly reason: string | null;
}
const refusal = (refused: number, reason: string | null, abandoned: number = refused): Refusal => ({
  refused,
  abandoned,
  reason,
});
const NO_QUEUE: Refusal = refusal(NDIS_STATUS_RESOURCES, DROPPED_NO_TRANSMIT_QUEUE);
const REFUSALS: Readonly<Record<WhyNoSends, Refusal>> = {
  // MiniportDevicePnPEventNotify: what is asked for after the notice is NOT_ACCEPTED.
  removed: refusal(NDIS_STATUS_NOT_ACCEPTED, DROPPED_ADAPTER_REMOVED, NDIS_STATUS_FAILURE),
  reset: refusal(NDIS_STATUS_RESET_IN_PROGRESS, DROPPED_RESET),
  // The sender counts these, as it does those that complete PAUSED.
  'low power': refusal(NDIS_STATUS_LOW_POWER_STATE, null),
};

class VmqMiniportDataPath implements MiniportDataPath {
  readonly #context: AgentContext;
  readonly #processor: ProcessorServices;
  readonly #image: MiniportImage;
  readonly #upcalls: ReceiveSink;
  readonly #registers: NicRegisters;
  readonly #pool: NetBufferListPool;
  readonly #loops: FrameLoops;
  readonly #vectors: Set<number> = new Set();
  /** Queues by slot, those that have left included; a slot is reused only when none of its NBLs is out. */
  readonly #slots: (ReceiveQueue | null)[] = [];
  /** The queues served here, dense. */
  #queues: ReceiveQueue[] = [];
  /** … by interrupt vector, which several may share. */
  readonly #byVector: (ReceiveQueue[] | undefined)[] = [];
  readonly #due: DueQueues = new DueQueues();
  #transmit: TransmitQueue | null = null;
  #refusal: Refusal = NO_QUEUE;
  /** New sends go to {@link #transmit}; otherwise they are refused. */
  #accepts = false;
  #running = false;

  constructor(
    context: AgentContext,
    processor: ProcessorServices,
    image: MiniportImage,
    upcalls: ReceiveSink,
  ) {
    const machine = context.machine;
    this.#context = context;
    this.#processor = processor;
    this.#image = image;
    this.#upcalls = upcalls;
    const device = image.deviceAgent;
    this.#registers = attachNicRegisters(machine.memory.segment(image.barSegment), (engine) =>
      machine.board.wake(device + engine),
    );
    this.#pool = new NetBufferListPool(0, machine.memory.host);
    this.#loops = createFrameLoops(machine.memory.host.i32);
    const transmit = image.transmit[processor.index] ?? null;
    if (transmit === null) return;
    this.#transmit = new TransmitQueue(context, transmit, this.#registers, upcalls);
    this.#accepts = true;
    this.#connect(transmit.vector);
  }

  receiveMessage(message: unknown): void {
    const told = message as MiniportMessage;
    switch (told.op) {
      case 'serve':
        this.#serve(told.queue);
        break;
      case 'release':
        this.#release(told.queueId);
        break;
      case 'end':
        this.#release(told.queue.queueId);
        this.#countLost(told.queue);
        break;
      case 'drain':
        if (this.#running) this.#find(told.queueId)?.drain(this.#image.indicationBudget);
        break;
      case 'poll':
        for (const queue of this.#queues) queue.poll();
        this.#transmit?.poll();
        this.#serveAll();
        break;
      case 'pause':
        this.#running = false;
        break;
      case 'run':
        this.#running = true;
        this.#serveAll();
        break;
      case 'stop sends':
        this.#stopSends(REFUSALS[told.why], told.abandon);
        break;
      case 'resume sends':
        this.#resumeSends();
        break;
      case 'stop':
        this.#stop();
        break;
    }
  }

  refresh(): void {
    // Everything this half needs to know comes by message.
  }

  // --- interrupt and DPC ------------------------------------------------------------------------------

  interrupt(vector: number): void {
    const queues = this.#byVector[vector];
    if (queues !== undefined)
      for (let i = 0; i < queues.length; i++) {
        const queue = queues[i];
        if (!queue.isDue && queue.hasWork) this.#due.add(queue);
      }
    this.#processor.queueDpc(this);
  }

  runDpc(): void {
    const more = this.#running && this.#due.serve(this.#image.indicationBudget);
    const transmit = this.#transmit;
    if (transmit?.reap()) {
      transmit.arm();
      if (transmit.reap()) transmit.arm();
    }
    if (more) this.#processor.queueDpc(this);
  }

  /** Looks at every queue, whether its interrupt came or not. */
  #serveAll(): void {
    for (const queue of this.#queues) this.#due.add(queue);
    this.#processor.queueDpc(this);
  }

  // --- MiniportSendNetBufferLists, MiniportReturnNetBufferLists ---------------------------------------

  sendNetBufferLists(chain: NetBufferList): void {
    if (this.#accepts) (this.#transmit as TransmitQueue).send(chain);
    else this.#refuse(chain);
  }

  returnNetBufferLists(chain: NetBufferList): void {
    let rest: NetBufferList | null = chain;
    while (rest !== null) {
      const slot = rest.originatorReserved >>> 16;
      const queue = this.#slots[slot] as ReceiveQueue;
      rest = queue.takeBack(rest);
      if (queue.held === 0 && !queue.isServed) this.#slots[slot] = null;
    }
  }

  /** This processor has no transmit queue, or nothing can be sent at present. */
  #refuse(chain: NetBufferList): void {
    this.#context.machine.reach('miniport.send-refused');
    let frames = 0;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      nbl.status = this.#refusal.refused;
      for (let nb: NetBuffer | null = nbl.firstNetBuffer; nb !== null; nb = nb.next) frames++;
    }
    this.#countDropped(frames);
    this.#upcalls.sendNetBufferListsComplete(chain, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
  }

  #countDropped(frames: number): void {
    const { reason } = this.#refusal;
    if (frames === 0 || reason === null) return;
    const { counters, machine } = this.#context;
    const column = machine.ledger.column(reason);
    counters[column] = counters[column] + frames;
  }

  /** No new sends; those in the ring and behind it are abandoned if nobody will report them any more. */
  #stopSends(refusal: Refusal, abandon: boolean): void {
    const transmit = this.#transmit;
    if (transmit === null && this.#refusal === NO_QUEUE) return;
    this.#refusal = refusal;
    this.#accepts = false;
    if (!abandon || transmit === null) return;
    this.#transmit = null;
    this.#context.machine.reach('miniport.sends-abandoned');
    this.#countDropped(transmit.abandon(refusal.abandoned));
  }

  #resumeSends(): void {
    const image = this.#image.transmit[this.#processor.index] ?? null;
    if (image === null) return;
    this.#transmit = new TransmitQueue(this.#context, image, this.#registers, this.#upcalls);
    this.#accepts = true;
  }

  // --- queues -----------------------------------------------------------------------------------------

  #serve(image: ReceiveQueueImage): void {
    let slot = this.#slots.indexOf(null);
    if (slot < 0) slot = this.#slots.length;
    const queue = new ReceiveQueue(
      this.#context,
      image,
      slot,
      this.#pool,
      this.#loops,
      this.#registers,
      this.#upcalls,
    );
    this.#slots[slot] = queue;
    this.#queues.push(queue);
    this.#sortByVector();
    // The ring may hold frames that arrived while nobody served it.
    this.#due.add(queue);
    this.#growPool();
    this.#connect(image.vector);
    this.#processor.queueDpc(this);
  }

  /** An NBL for each buffer served here: whoever holds one queue's NBLs takes none from another (RX-18). */
  #growPool(): void {
    let wanted = 0;
    for (const queue of this.#slots) {
      if (queue !== null) wanted += queue.isServed ? queue.ringEntries : queue.held;
    }
    const pool = this.#pool;
    const missing = wanted - pool.capacity;
    if (missing <= 0) return;
    pool.grow(missing, this.#context.machine.memory.host);
    // The new ones lie on top. SourceHandle is the adapter's, for good (RX-12).
    const fresh = pool.takeChain(missing) as NetBufferList;
    let last = fresh;
    for (let nbl: NetBufferList | null = fresh; nbl !== null; nbl = nbl.next) {
      nbl.sourceHandle = this.#image.barSegment;
      nbl.miniportReserved = new Mdl(this.#context.machine.memory.host);
      last = nbl;
    }
    pool.giveChain(fresh, last, missing);
  }

  #release(queueId: number): void {
    const queue = this.#find(queueId);
    if (queue === null) return;
    queue.leave();
    this.#queues = this.#queues.filter((other) => other !== queue);
    this.#sortByVector();
    this.#due.remove(queue);
    // Its slot must outlive the NBLs that carry it.
    if (queue.held === 0) this.#slots[this.#slots.indexOf(queue)] = null;
  }

  /** Completions of a queue that nobody serves any more, and nobody will. */
  #countLost(image: ReceiveQueueImage): void {
    const words = new Int32Array(image.state);
    if (words[STATE_PRIMED] === 0) return;
    const guard = new CompletionGuard(
      this.#context,
      image,
      words,
      this.#registers,
      image.buffers.bufferBytes,
    );
    const lost = guard.left(words[STATE_CONSUMED], words[STATE_POSTED]);
    if (lost === 0) return;
    const { counters, machine } = this.#context;
    machine.reach('miniport.queue-ends-with-frames');
    const column = machine.ledger.column(DROPPED_QUEUE_GONE);
    counters[column] = counters[column] + lost;
  }

  #find(queueId: number): ReceiveQueue | null {
    return this.#queues.find((queue) => queue.queueId === queueId) ?? null;
  }

  #sortByVector(): void {
    this.#byVector.fill(undefined);
    for (const queue of this.#queues) {
      const others = this.#byVector[queue.vector];
      if (others === undefined) this.#byVector[queue.vector] = [queue];
      else others.push(queue);
    }
  }

  #connect(vector: number): void {
    this.#processor.connect(vector, this);
    this.#vectors.add(vector);
  }

  /** The adapter halts: its vectors and its memory may have another owner from now on. */
  #stop(): void {
    for (const vector of this.#vectors) this.#processor.connect(vector, null);
    this.#vectors.clear();
    this.#running = false;
    this.#queues = [];
    this.#sortByVector();
    this.#due.clear();
    this.#slots.length = 0;
    this.#transmit = null;
    this.#accepts = false;
  }
}

/** The data half that processor agents make under the name {@link VMQ_MINIPORT_DATA_PATH}. */
export const createVmqMiniportDataPath: MiniportDataPathFactory = (context, processor, image, upcalls) =>
  new VmqMiniportDataPath(context, processor, image as MiniportImage, upcalls);

/** Name of {@link createVmqMiniportDataPath} among the data-path factories. */
export const VMQ_MINIPORT_DATA_PATH = 'vmq-miniport';
