/**
 * The miniport's data path on one processor: its interrupt, its DPC, the queues it serves and the one it sends by.
 *
 *   MSI-X message ──ISR──> whose? ──DPC──> those in turn, one budget for all ──> more? queue the DPC again
 *                                                                           └─> none? arm
 *
 * A device that completes between the last look and the arming interrupts at once: arming says what was consumed.
 * The receive loop is in `receive.ts`, the transmit loop in `transmit.ts`.
 *
 * IRQL: DISPATCH_LEVEL; `interrupt` runs at device IRQL.
 */
import { NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL } from '@vmq/abi';
import {
  countNetBuffers,
  type MiniportDataPath,
  type MiniportDataPathFactory,
  type NetBufferList,
  NetBufferListPool,
  type ProcessorServices,
  type ReceiveSink,
  setStatus,
} from '@vmq/ddi';
import type { AgentContext } from '@vmq/machine';
import { attachNicRegisters, type NicRegisters } from '@vmq/nic';
import { DROPPED_QUEUE_GONE } from '../model/drop-reasons.ts';
import {
  type MiniportImage,
  type MiniportMessage,
  type ReceiveQueueImage,
  STATE_PRIMED,
} from '../model/queue-image.ts';
import { CompletionGuard } from './completion-guard.ts';
import { ProcessorQueues } from './processor-queues.ts';
import { receiveRing } from './receive-buffers.ts';
import { countRefused, NO_TRANSMIT_QUEUE, SEND_REFUSALS, type SendRefusal } from './send-refusal.ts';
import { TransmitQueue } from './transmit.ts';

class VmqMiniportDataPath implements MiniportDataPath {
  readonly #context: AgentContext;
  readonly #processor: ProcessorServices;
  readonly #image: MiniportImage;
  readonly #upcalls: ReceiveSink;
  readonly #registers: NicRegisters;
  readonly #queues: ProcessorQueues;
  readonly #vectors: Set<number> = new Set();
  #transmit: TransmitQueue | null = null;
  #refusal: SendRefusal = NO_TRANSMIT_QUEUE;
  /** New sends go to {@link #transmit}; otherwise they are refused. */
  #accepts = false;
  #running = false;

  constructor(
    context: AgentContext,
    processor: ProcessorServices,
    image: MiniportImage,
    upcalls: ReceiveSink,
  ) {
    const { memory, board } = context.machine;
    this.#context = context;
    this.#processor = processor;
    this.#image = image;
    this.#upcalls = upcalls;
    const registers = attachNicRegisters(memory.segment(image.barSegment), (engine) =>
      board.wake(image.deviceAgent + engine),
    );
    this.#registers = registers;
    const pool = new NetBufferListPool(0, memory.host);
    this.#queues = new ProcessorQueues({ context, registers, pool, upcalls }, image.barSegment);
    this.#resumeSends();
    const transmit = image.transmit[processor.index] ?? null;
    if (transmit !== null) this.#connect(transmit.vector);
  }

  receiveMessage(message: unknown): void {
    const told = message as MiniportMessage;
    switch (told.op) {
      case 'serve':
        this.#queues.add(told.queue);
        this.#connect(told.queue.vector);
        this.#processor.queueDpc(this);
        break;
      case 'release':
        this.#queues.remove(told.queueId);
        break;
      case 'end':
        this.#queues.remove(told.queue.queueId);
        this.#countLost(told.queue);
        break;
      case 'drain':
        if (this.#running) this.#queues.find(told.queueId)?.drain(this.#image.indicationBudget);
        break;
      case 'poll':
        for (const queue of this.#queues.served) queue.poll();
        this.#transmit?.poll();
        this.#lookAtAll();
        break;
      case 'pause':
        this.#running = false;
        break;
      case 'run':
        this.#running = true;
        this.#lookAtAll();
        break;
      case 'stop sends':
        this.#stopSends(SEND_REFUSALS[told.why], told.abandon);
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
    // Everything the data path needs to know comes by message.
  }

  // --- interrupt and DPC ------------------------------------------------------------------------------

  interrupt(vector: number): void {
    this.#queues.interrupt(vector);
    this.#processor.queueDpc(this);
  }

  runDpc(): void {
    const more = this.#running && this.#queues.receive(this.#image.indicationBudget);
    const transmit = this.#transmit;
    if (transmit?.complete()) {
      transmit.arm();
      if (transmit.complete()) transmit.arm();
    }
    if (more) this.#processor.queueDpc(this);
  }

  /** Has the DPC look at every queue, whether its interrupt came or not. */
  #lookAtAll(): void {
    this.#queues.makeAllReady();
    this.#processor.queueDpc(this);
  }

  // --- MiniportSendNetBufferLists, MiniportReturnNetBufferLists ---------------------------------------

  sendNetBufferLists(chain: NetBufferList): void {
    if (this.#accepts) (this.#transmit as TransmitQueue).send(chain);
    else this.#refuse(chain);
  }

  returnNetBufferLists(chain: NetBufferList): void {
    this.#queues.acceptReturned(chain);
  }

  /** This processor has no transmit queue, or nothing can be sent at present. */
  #refuse(chain: NetBufferList): void {
    this.#context.machine.reach('miniport.send-refused');
    setStatus(chain, this.#refusal.refused);
    countRefused(this.#context, this.#refusal, countNetBuffers(chain));
    this.#upcalls.sendNetBufferListsComplete(chain, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
  }

  /** No new sends; those in the ring and behind it are abandoned if nobody will report them any more. */
  #stopSends(refusal: SendRefusal, abandon: boolean): void {
    const transmit = this.#transmit;
    if (transmit === null && this.#refusal === NO_TRANSMIT_QUEUE) return;
    this.#refusal = refusal;
    this.#accepts = false;
    if (!abandon || transmit === null) return;
    this.#transmit = null;
    this.#context.machine.reach('miniport.sends-abandoned');
    countRefused(this.#context, refusal, transmit.abandon(refusal.abandoned));
  }

  /** A transmit ring that is empty, if this processor has one. */
  #resumeSends(): void {
    const image = this.#image.transmit[this.#processor.index] ?? null;
    if (image === null) return;
    this.#transmit = new TransmitQueue(this.#context, image, this.#registers, this.#upcalls);
    this.#accepts = true;
  }

  // --- queues that end, and the adapter's end ---------------------------------------------------------

  /** Completions of a queue that nobody serves any more, and nobody will. */
  #countLost(image: ReceiveQueueImage): void {
    if (new Int32Array(image.state)[STATE_PRIMED] === 0) return;
    const ring = receiveRing(this.#context, this.#registers, image);
    const lost = new CompletionGuard(this.#context, image, ring, this.#registers).left();
    if (lost === 0) return;
    const { counters, machine } = this.#context;
    machine.reach('miniport.queue-ends-with-frames');
    const column = machine.ledger.column(DROPPED_QUEUE_GONE);
    counters[column] = counters[column] + lost;
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
    this.#queues.clear();
    this.#transmit = null;
    this.#accepts = false;
  }
}

/** The data path that processor agents make under the name {@link VMQ_MINIPORT_DATA_PATH}. */
export const createVmqMiniportDataPath: MiniportDataPathFactory = (context, processor, image, upcalls) =>
  new VmqMiniportDataPath(context, processor, image as MiniportImage, upcalls);

/** Name of {@link createVmqMiniportDataPath} among the data-path factories. */
export const VMQ_MINIPORT_DATA_PATH = 'vmq-miniport';
