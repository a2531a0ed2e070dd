// A driver that writes whatever it likes: every register, ring bases and lengths, doorbells, filters, the MSI-X table,
// descriptors of any content, in host memory of which the device may reach a part; with frames from the wire meanwhile.
//
// Two machines get the same, with other bytes on the pages the device must not read. Their registers and what goes out on
// the wire must be the same, and no page the device must not write may change.
import { DMA_READ, DMA_WRITE } from '@vmq/machine';
import { nicProfile } from '@vmq/nic';
import { digest } from '../../guard.ts';
import type { Chance, Instance, Note, Target } from '../../target.ts';
import { DRIVER_PAGES, HOST_PAGES, NicBench } from './nic-bench.ts';
import { type DriverStep, driverStep } from './nic-driver-steps.ts';

const PROFILES = ['netvmini', 'netvmini', 'vmq-nic', 'i350'];
const CANARIES: readonly (readonly [number, number])[] = [
  [0x00, 0xff],
  [0x5a, 0xa5],
];

/** Rights per page: none, read, write, both. The first pages are the driver's own and readable in any case. */
const rightsOf = (random: Chance): number[] =>
  Array.from({ length: HOST_PAGES }, (_, page) =>
    page < DRIVER_PAGES ? DMA_READ | DMA_WRITE : random.below(4),
  );

class Driver implements Instance {
  readonly #benches: readonly NicBench[];
  readonly #note: Note;
  /** The number of the configuration that the driver asked for last. */
  #configuration = 0;
  #turn = 0;

  constructor(random: Chance, note: Note) {
    this.#note = note;
    const profile = nicProfile(random.pick(PROFILES));
    const rights = rightsOf(random);
    this.#benches = random.pick(CANARIES).map((canary) => new NicBench({ profile, rights, canary }));
  }

  one(random: Chance): string {
    const step = driverStep(random);
    this.#note(JSON.stringify(step));
    const before = ++this.#configuration;
    const [first, second] = this.#benches.map((bench) => {
      this.#configuration = before;
      return this.#act(bench, step);
    });
    if (digest(first) !== digest(second))
      throw new Error('what the device may not read went out on the wire');
    if ((++this.#turn & 15) === 0) this.#compare();
    return first.length > 0 ? 'frames sent' : step.do;
  }

  close(): void {
    for (const bench of this.#benches) bench.check();
  }

  #compare(): void {
    for (const bench of this.#benches) bench.check();
    const [first, second] = this.#benches.map((bench) => bench.digest());
    if (first !== second) throw new Error('what the device may not read changed what it does');
  }

  /** Digests of the frames that went out. */
  #act(bench: NicBench, step: DriverStep): number[] {
    switch (step.do) {
      case 'sound':
        bench.configure(step.stop, ++this.#configuration);
        bench.put(step.at, step.words);
        bench.configure(step.start, ++this.#configuration);
        break;
      case 'registers':
        bench.write(step.writes, this.#configuration);
        break;
      case 'descriptors':
        bench.put(step.at, step.words);
        break;
      case 'frames':
        bench.receive(step.frames);
        break;
    }
    bench.rest();
    return bench.sentFrames();
  }
}

export const nicDriver: Target = {
  name: 'nic-driver',
  about: 'registers, rings and descriptors of the NIC as a hostile driver writes them',
  perSession: 2000,
  open: (random, note) => new Driver(random, note),
};
