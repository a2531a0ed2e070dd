/**
 * A host with two good VMs and one that may turn hostile, and the same traffic every time: from the wire to the good
 * ones (to each alone, and to all), and among them. For the tests of hostile guests.
 *
 *   wire ──unicast, ARP──> web ──answers──> wire          web: untagged, as evil is, so that they share a VLAN
 *        ──unicast──────-> db                             db:  VLAN 100, evil's neighbour in no way
 *        ──broadcast─────> web, evil
 */
import { checkHostConfig, createHost, type Host, type HostConfigInput, type PortReport } from '@vmq/host';
import type { MemorySegment } from '@vmq/machine';
import {
  createHostileGuestAgent,
  type HostileAttack,
  hostileWorker,
} from '../../src/hostile/hostile-guests.ts';

export interface Setting {
  readonly executor: 'deterministic' | 'threads';
  readonly ndisVersion: '6.20' | '6.30';
}

/** Two apart in their last byte: what the behaviours take for their neighbours' addresses. */
const MAC = { web: '00-15-5D-00-00-02', evil: '00-15-5D-00-00-01', db: '00-15-5D-00-00-03' };
const FAR = [2, 0, 0, 0, 0, 9];
/** Sixteen bytes that nobody writes by chance, other ones for each destination: all frames are full of them. */
const SECRET = Uint8Array.of(94, 194, 231, 1, 119, 59, 149, 208, 28, 72, 170, 102, 63, 9, 177, 36);
/** Frames of one kind in a round. */
const BURST = 24;
const ROUNDS = 4;
/** Turns that all may take together, and looks, before a frame is given up. */
const PATIENCE = 200_000;

const bytesOf = (mac: string): number[] => mac.split('-').map((digits) => Number.parseInt(digits, 16));

/**
 * What the others got and sent, by flow: `web<wire`, `web<all`, `db<wire`, `wire<web`; each frame in hexadecimal. Without
 * what evil sends under its own name, which is its right; under another name it would be `web<somebody`.
 */
export type Flows = Readonly<Record<string, readonly string[]>>;

export interface HostileBench {
  readonly host: Host;
  /** Programs with which VMs of that name boot next. */
  readonly programs: Map<string, HostileAttack>;
  /** The VM's port, as the host reports it. */
  port(vm: string): PortReport | undefined;
  /** Sends everything, and waits until the good VMs have got what is theirs. */
  traffic(): Flows;
  /** Lets everybody take some turns. */
  run(turns: number): void;
  /** Lets everybody run, with an open end of the wire, until `done` or until there is no hope for it. */
  until(done: () => boolean): void;
  /** Adds evil, ordinary or with its program. */
  addEvil(): ReturnType<Host['addVm']>;
  attack(message: HostileAttack): void;
  /** Evil answers to an echo of ARP: its channel works both ways. */
  expectEvilAnswers(): boolean;
  memoryOf(vm: string): MemorySegment;
  /** Evil's memory holds what was for others, or theirs what was evil's. */
  leak(): string | null;
}

export function createHostileBench({ executor, ndisVersion }: Setting, seed: number): HostileBench {
  const input: HostConfigInput = {
    executor,
    ndisVersion,
    seed,
    processors: 2,
    maxVms: 3,
    nic: { receiveBuffers: 64 },
    vms: [
      { name: 'web', mac: MAC.web, answer: true, addresses: ['10.0.0.2'] },
      { name: 'db', mac: MAC.db, vlan: 100 },
    ],
  };
  const checked = checkHostConfig(input);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const programs = new Map<string, HostileAttack>();
  const host = createHost(checked.config, {
    record: true,
    traceRecords: 64,
    dataPaths: { agents: { guest: createHostileGuestAgent } },
    ...(executor === 'threads' ? { workerEntry: hostileWorker() } : {}),
    guestProgram: ({ name }) => programs.get(name),
  });
  let number = 0;

  const port = (vm: string): PortReport | undefined =>
    host.inspect().ports.find(({ VmName }) => VmName === vm);

  const send = (frame: Uint8Array): void => {
    while (host.wire.send(frame, 0, frame.length) === 0) {
      host.wire.flush();
      run(64);
    }
  };

  const run = (turns: number): void => {
    let left = turns;
    host.executor.runUntil(() => left-- <= 0);
  };

  /** Waits until `count` more frames have come in `flow`. */
  const collect = (flows: Record<string, string[]>, wanted: Readonly<Record<string, number>>): void => {
    let left = PATIENCE;
    const add = (flow: string, frame: string): void => {
      const frames = flows[flow];
      if (frames === undefined) flows[flow] = [frame];
      else frames.push(frame);
    };
    const look = (): boolean => {
      for (const vm of ['web', 'db'] as const) {
        host.takeReceived(vm, ({ bytes, offset, length, tci }) => {
          const frame = bytes.subarray(offset, offset + length);
          const from = hex(frame.subarray(6, 12));
          if (from === hex(bytesOf(MAC.evil))) return;
          const far = from === hex(FAR);
          const flow = `${vm}<${far ? (frame[0] & 1 ? 'all' : 'wire') : 'somebody'}`;
          add(flow, `${tci} ${hex(frame)}`);
        });
      }
      host.wire.receive((bytes, offset, length) => {
        const frame = bytes.subarray(offset, offset + length);
        const from = hex(frame.subarray(6, 12));
        if (from === hex(bytesOf(MAC.evil))) return;
        add(`wire<${from === hex(bytesOf(MAC.web)) ? 'web' : 'somebody'}`, hex(frame));
      });
      return Object.entries(wanted).every(([flow, count]) => (flows[flow]?.length ?? 0) >= count);
    };
    // Looking costs more than a turn.
    let turn = 0;
    host.executor.runUntil(
      () => (executor === 'threads' || ++turn % 32 === 0 ? look() : false) || --left <= 0,
    );
    look();
  };

  const bench: HostileBench = {
    host,
    programs,
    port,
    run,
    until(done) {
      let left = PATIENCE;
      host.executor.runUntil(() => {
        if (--left % (executor === 'threads' ? 8 : 256) !== 0) return false;
        host.wire.receive(() => {});
        return done() || left <= 0;
      });
    },
    traffic() {
      const flows: Record<string, string[]> = {};
      number = 0;
      for (let round = 1; round <= ROUNDS; round++) {
        for (let n = 0; n < BURST; n++) {
          send(dataFrame(MAC.web, ++number, 0));
          send(dataFrame(MAC.db, number, 100));
          send(dataFrame(MAC.evil, number, 0));
        }
        for (let n = 0; n < 4; n++) {
          send(dataFrame('FF-FF-FF-FF-FF-FF', ++number, 0));
          send(dataFrame('FF-FF-FF-FF-FF-FF', number, 100));
          send(arpTo(MAC.web, 2));
        }
        host.wire.flush();
        collect(flows, {
          'web<wire': round * (BURST + 4),
          'db<wire': round * BURST,
          'web<all': round * 4,
          'db<all': round * 4,
          'wire<web': round * 4,
        });
      }
      return flows;
    },
    addEvil: () => host.addVm({ name: 'evil', mac: MAC.evil, answer: true, addresses: ['10.0.0.1'] }),
    attack(message) {
      host.executor.post('vm:evil', message);
      host.executor.publish();
    },
    expectEvilAnswers() {
      send(arpTo(MAC.evil, 1));
      host.wire.flush();
      let answered = false;
      let left = PATIENCE;
      host.executor.runUntil(() => {
        host.wire.receive((bytes, offset) => {
          if (bytesOf(MAC.evil).every((byte, i) => bytes[offset + 6 + i] === byte)) answered = true;
        });
        return answered || --left <= 0;
      });
      return answered;
    },
    memoryOf(vm) {
      const found = host.machine.memory.segments.find(({ name }) => name === `vm:${vm}`);
      if (found === undefined) throw new Error(`no memory of ${vm}`);
      return found;
    },
    leak() {
      const has = (vm: string, mac: string): boolean =>
        Buffer.from(bench.memoryOf(vm).buffer).includes(secretOf(mac));
      if (has('evil', MAC.web) || has('evil', MAC.db)) return 'evil has a frame of another VM';
      for (const vm of ['web', 'db'] as const) {
        if (!has(vm, MAC[vm])) return `${vm} has no frame of its own: this would see no leak`;
        if (has(vm, MAC.evil)) return `${vm} has a frame of evil's`;
      }
      return null;
    },
  };
  return bench;
}

const hex = (bytes: ArrayLike<number>): string => Buffer.from(Array.from(bytes)).toString('hex');

/** What frames to an address are full of. */
const secretOf = (mac: string): Buffer => Buffer.from(SECRET.map((byte) => byte ^ (bytesOf(mac)[5] * 29)));

/** A frame, full of its destination's secret. */
function dataFrame(to: string, number: number, vlan: number): Uint8Array {
  const destination = bytesOf(to);
  const length = [60, 200, 1514, 640, 64][number % 5];
  const payload = new Uint8Array(length - 14);
  const secret = secretOf(to);
  for (let at = 2; at + 17 <= payload.length; at += 17) payload.set(secret, at);
  payload[0] = number >> 8;
  payload[1] = number;
  const tag = vlan === 0 ? [] : [0x81, 0, vlan >> 8, vlan & 255];
  return Uint8Array.from([...destination, ...FAR, ...tag, 0x88, 0xb5, ...payload]);
}

/** Who has 10.0.0.`last`? Asked of one VM alone. */
function arpTo(mac: string, last: number): Uint8Array {
  const frame = new Uint8Array(60);
  frame.set([...bytesOf(mac), ...FAR, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, ...FAR, 10, 0, 0, 9]);
  frame.set([0, 0, 0, 0, 0, 0, 10, 0, 0, last], 32);
  return frame;
}
