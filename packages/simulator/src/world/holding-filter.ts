/**
 * Filter modules of a simulated host that keep what passes them, as filter drivers may: NBLs on their way back to the
 * miniport, which come late and in any order, and chains on their way up, which come late and in their order.
 *
 *   protocol    ^                     | return
 *   filter      │ some chains wait    │ some NBLs wait      at most HOLDS turns of the processor; a pause ends both
 *               │ in line             v and are shuffled
 *   miniport
 *
 * A queue that moves, is freed, or is paused does so while its NBLs are out. What is on its way up goes on before the
 * processors take up what was published, so that no queue's frames are overtaken by those of its next processor.
 */
import { NDIS_RECEIVE_FLAGS_RESOURCES, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type {
  FilterDataPathFactory,
  FilterDriver,
  FilterModule,
  NetBufferList,
  ProcessorServices,
  ReceiveSink,
  SendSink,
} from '@vmq/ddi';
import { createRandom, type Random } from '@vmq/machine';

export const HOLDING_FILTER = 'simulation.holding-filter';

/** Turns of a processor for which NBLs are kept: most are not, some for long. */
const HOLDS: readonly number[] = [1, 1, 2, 3, 5, 8, 13, 40, 120];
/** One chain of so many is kept on its way up, and on its way back. */
const KEEPS_UP = 12;
const KEEPS_BACK = 4;

interface HoldingImage {
  readonly seed: number;
}

/** `hold`: keep all that comes back, until `release`. */
type Told = 'pause' | 'restart' | 'hold' | 'release';

interface Waiting {
  readonly chain: NetBufferList;
  readonly port: number;
  readonly count: number;
  readonly flags: number;
}

/** A driver, and what makes its modules hold on. */
export interface HoldingDriver extends FilterDriver {
  /** From now on its modules keep all that comes back; false: they let go of it. */
  holdAll(holds: boolean): void;
}

/** As NDIS is told of a host's filter driver. It forwards every request, and hears of those that pended. */
export function holdingFilter(name: string, seed: number): HoldingDriver {
  const modules = new Set<FilterModule>();
  return {
    holdAll(holds) {
      for (const module of modules) {
        module.post('all', (holds ? 'hold' : 'release') satisfies Told);
        module.publish();
      }
    },
    name,
    majorNdisVersion: 6,
    minorNdisVersion: 30,
    attach(module) {
      modules.add(module);
      return NDIS_STATUS_SUCCESS;
    },
    detach: (module) => void modules.delete(module),
    pause(module) {
      module.post('all', 'pause' satisfies Told);
      module.publish();
      return NDIS_STATUS_SUCCESS;
    },
    restart(module) {
      module.post('all', 'restart' satisfies Told);
      module.publish();
      return NDIS_STATUS_SUCCESS;
    },
    oidRequest: (module, request) => module.forwardOidRequest(request),
    oidRequestComplete: (module, request, status) => module.oidRequestComplete(request, status),
    status: (module, indication) => module.indicateStatus(indication),
    dataPathFactory: HOLDING_FILTER,
    dataPathImage: (module) => ({ seed: seed + module.number }) satisfies HoldingImage,
  };
}

/** Its data path on one processor. */
export const createHoldingFilter: FilterDataPathFactory = (_context, processor, image, up, down) =>
  new HoldingFilter(processor, createRandom((image as HoldingImage).seed + processor.index * 16), up, down);

class HoldingFilter {
  readonly #processor: ProcessorServices;
  readonly #random: Random;
  readonly #up: ReceiveSink;
  readonly #down: SendSink;
  /** On their way up, oldest first. */
  #waiting: Waiting[] = [];
  /** On their way back. */
  #kept: NetBufferList[] = [];
  #turnsUp = 0;
  #turnsBack = 0;
  #keeps = true;
  #keepsAll = false;

  constructor(processor: ProcessorServices, random: Random, up: ReceiveSink, down: SendSink) {
    this.#processor = processor;
    this.#random = random;
    this.#up = up;
    this.#down = down;
  }

  receiveNetBufferLists(chain: NetBufferList, port: number, count: number, flags: number): void {
    const mayWait = this.#keeps && (flags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0;
    // Those behind one that waits wait too.
    if (this.#waiting.length === 0 && !(mayWait && this.#random.below(KEEPS_UP) === 0)) {
      this.#up.receiveNetBufferLists(chain, port, count, flags);
      return;
    }
    if (!mayWait) {
      // Its memory is loaned for this call alone.
      this.#letUp();
      this.#up.receiveNetBufferLists(chain, port, count, flags);
      return;
    }
    if (this.#waiting.length === 0) this.#turnsUp = this.#draw();
    this.#waiting.push({ chain, port, count, flags });
    this.#processor.queueDpc(this);
  }

  sendNetBufferListsComplete(chain: NetBufferList, flags: number): void {
    this.#up.sendNetBufferListsComplete(chain, flags);
  }

  sendNetBufferLists(chain: NetBufferList, port: number, flags: number): void {
    this.#down.sendNetBufferLists(chain, port, flags);
  }

  returnNetBufferLists(chain: NetBufferList, flags: number): void {
    if (!this.#keepsAll && (!this.#keeps || this.#random.below(KEEPS_BACK) !== 0)) {
      this.#down.returnNetBufferLists(chain, flags);
      return;
    }
    if (this.#kept.length === 0) this.#turnsBack = this.#draw();
    for (let nbl: NetBufferList | null = chain; nbl !== null; ) {
      const next: NetBufferList | null = nbl.next;
      nbl.next = null;
      // In any order: each takes the place of one that came before.
      const at = this.#random.below(this.#kept.length + 1);
      this.#kept.push(this.#kept[at] ?? nbl);
      this.#kept[at] = nbl;
      nbl = next;
    }
    this.#processor.queueDpc(this);
  }

  runDpc(): void {
    if (this.#turnsUp > 0 && --this.#turnsUp === 0) this.#letUp();
    const ripens = this.#turnsBack > 0 && !this.#keepsAll;
    if (ripens && --this.#turnsBack === 0) this.#letBack();
    if (this.#turnsUp > 0 || (this.#turnsBack > 0 && !this.#keepsAll)) this.#processor.queueDpc(this);
  }

  receiveMessage(message: unknown): void {
    const told = message as Told;
    if (told === 'hold') this.#keepsAll = this.#keeps;
    if (told === 'restart') this.#keeps = true;
    if (told === 'hold' || told === 'restart') return;
    this.#keepsAll = false;
    if (told === 'release') {
      this.#letBack();
      return;
    }
    this.#keeps = false;
    // Nobody above takes them any more: back they go.
    for (const { chain } of this.#waiting.splice(0)) this.#down.returnNetBufferLists(chain, 0);
    this.#letBack();
  }

  refresh(): void {
    this.#letUp();
  }

  #draw(): number {
    return HOLDS[this.#random.below(HOLDS.length)];
  }

  #letUp(): void {
    this.#turnsUp = 0;
    for (const { chain, port, count, flags } of this.#waiting.splice(0))
      this.#up.receiveNetBufferLists(chain, port, count, flags);
  }

  /** One by one, or as one chain. */
  #letBack(): void {
    this.#turnsBack = 0;
    const kept = this.#kept;
    if (kept.length === 0) return;
    this.#kept = [];
    if (this.#random.below(2) === 0) {
      for (const nbl of kept) this.#down.returnNetBufferLists(nbl, 0);
      return;
    }
    kept.forEach((nbl, i) => {
      nbl.next = kept[i + 1] ?? null;
    });
    this.#down.returnNetBufferLists(kept[0], 0);
  }
}
