/**
 * The miniport's data half on one processor: its interrupt, its DPC, the queues it serves and the one it sends by.
 *
 *   MSI-X message ──ISR──> DPC ──> each queue: indicate up to the budget ──> more? queue the DPC again
 *                                                                        └─> none? arm, and look once more
 *
 * Arming and looking again closes the race with a device that completes between the last look and the arming.
 */
import type { AgentContext } from '@vmq/machine';
import {
  type MiniportDataPath,
  type MiniportDataPathFactory,
  type NetBufferList,
  NetBufferListPool,
  type ProcessorServices,
  type ReceiveSink,
} from '@vmq/ndis';
import { attachNicRegisters } from '@vmq/nic';
import type { MiniportImage, MiniportMessage, ReceiveQueueImage } from './queue-image.ts';
import { ReceiveQueue } from './receive-queue.ts';
import { TransmitQueue } from './transmit-queue.ts';

/** NBLs of a processor before any queue is served; each queue adds its ring's worth. */
const BASE_NBLS = 64;

class VmqMiniportDataPath implements MiniportDataPath {
  readonly #context: AgentContext;
  readonly #processor: ProcessorServices;
  readonly #image: MiniportImage;
  readonly #upcalls: ReceiveSink;
  readonly #registers;
  readonly #pool: NetBufferListPool;
  /** Queues by slot; a slot is reused only when no NBL of its queue is outstanding. */
  readonly #slots: (ReceiveQueue | null)[] = [];
  /** The same queues, dense, in the order the DPC serves them. */
  #queues: ReceiveQueue[] = [];
  readonly #transmit: TransmitQueue | null;
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
    this.#registers = attachNicRegisters(machine.memory.segment(image.barSegment), () =>
      machine.board.wake(device),
    );
    this.#pool = new NetBufferListPool(BASE_NBLS, machine.memory.host);
    const transmit = image.transmit[processor.index] ?? null;
    this.#transmit =
      transmit === null ? null : new TransmitQueue(context, transmit, this.#registers, upcalls);
    if (transmit !== null) processor.connect(transmit.vector, this);
  }

  receiveMessage(message: unknown): void {
    const told = message as MiniportMessage;
    switch (told.op) {
      case 'serve':
        this.#serve(told.queue);
        break;
      case 'release': {
        const queue = this.#find(told.queueId);
        if (queue === null) break;
        if (this.#running) this.#drain(queue);
        this.#slots[this.#slots.indexOf(queue)] = null;
        this.#queues = this.#queues.filter((other) => other !== queue);
        break;
      }
      case 'drain': {
        const queue = this.#find(told.queueId);
        if (queue !== null && this.#running) this.#drain(queue);
        break;
      }
      case 'pause':
        this.#running = false;
        break;
      case 'run':
        this.#running = true;
        this.#processor.queueDpc(this);
        break;
    }
  }

  refresh(): void {
    // Everything this half needs to know comes by message.
  }

  // --- interrupt and DPC ------------------------------------------------------------------------------

  interrupt(): void {
    this.#processor.queueDpc(this);
  }

  runDpc(): void {
    let more = false;
    if (this.#running) {
      const budget = this.#image.indicationBudget;
      const queues = this.#queues;
      for (let i = 0; i < queues.length; i++) {
        const queue = queues[i] as ReceiveQueue;
        const indicated = queue.indicate(budget);
        if (queue.waiting() !== 0) {
          // Either the budget ran out, or every NBL is in use and the next return brings us back here.
          if (indicated !== 0) more = true;
          continue;
        }
        queue.arm();
        if (queue.waiting() !== 0) more = true;
      }
    }
    const transmit = this.#transmit;
    if (transmit?.reap()) {
      transmit.arm();
      if (transmit.reap()) transmit.arm();
    }
    if (more) this.#processor.queueDpc(this);
  }

  // --- MiniportSendNetBufferLists, MiniportReturnNetBufferLists ---------------------------------------

  sendNetBufferLists(chain: NetBufferList): void {
    if (this.#transmit !== null) {
      this.#transmit.send(chain);
      return;
    }
    this.#upcalls.sendNetBufferListsComplete(chain, 0);
  }

  returnNetBufferLists(chain: NetBufferList): void {
    let rest: NetBufferList | null = chain;
    const starved = this.#pool.available === 0;
    while (rest !== null) {
      const queue = this.#slots[rest.originatorReserved >>> 16] as ReceiveQueue;
      rest = queue.takeBack(rest);
    }
    // Frames may be waiting for the NBLs that have just come back.
    if (starved) this.#processor.queueDpc(this);
  }

  // --- queues -----------------------------------------------------------------------------------------

  #serve(image: ReceiveQueueImage): void {
    let slot = this.#slots.indexOf(null);
    if (slot < 0) slot = this.#slots.length;
    this.#pool.grow(Math.max(0, image.ringEntries - this.#pool.available), this.#context.machine.memory.host);
    const queue = new ReceiveQueue(this.#context, image, slot, this.#pool, this.#registers, this.#upcalls);
    this.#slots[slot] = queue;
    this.#queues.push(queue);
    queue.prime();
    this.#processor.connect(image.vector, this);
    // The ring may hold frames that arrived while nobody served it.
    this.#processor.queueDpc(this);
  }

  #find(queueId: number): ReceiveQueue | null {
    return this.#queues.find((queue) => queue.queueId === queueId) ?? null;
  }

  #drain(queue: ReceiveQueue): void {
    while (queue.indicate(this.#image.indicationBudget) !== 0);
  }
}

/** The data half that processor agents make under the name {@link VMQ_MINIPORT_DATA_PATH}. */
export const createVmqMiniportDataPath: MiniportDataPathFactory = (context, processor, image, upcalls) =>
  new VmqMiniportDataPath(context, processor, image as MiniportImage, upcalls);

/** Name of {@link createVmqMiniportDataPath} among the data-path factories. */
export const VMQ_MINIPORT_DATA_PATH = 'vmq-miniport';
