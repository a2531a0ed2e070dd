/**
 * `vmq why` proves itself: what each layer recorded of a frame, the tests made anew and the ledger agree, for every frame of
 * every capture of the repository and for random frames at random hosts.
 *
 * VMQ_PROOF_FRAMES: how many random frames; default 4000. 200000 take some minutes.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type CapturedPacket, readCapture } from '@vmq/capture';
import { checkHostConfig, type Host, type HostConfigInput } from '@vmq/host';
import { createRandom, type Random } from '@vmq/machine';
import { describe, expect, it } from 'vitest';
import { CaptureFile } from '../src/input/capture-file.ts';
import { CaptureInput } from '../src/input/capture-input.ts';
import { neverInterrupted } from '../src/process/interruption.ts';
import { FrameFeed } from '../src/replay/frame-feed.ts';
import { PacketIntake } from '../src/replay/packet-intake.ts';
import { ProblemLog } from '../src/replay/problem-log.ts';
import { makeHost } from '../src/replay/replay-capture.ts';
import { replayConfig } from '../src/replay/replay-config.ts';
import { explain, type WhyJson } from '../src/why/explain-frame.ts';
import { BROADCAST, frame, pcap } from './build-capture.test-support.ts';
import { CAPTURES } from './run-vmq.test-support.ts';

const RANDOM_FRAMES = Number(process.env['VMQ_PROOF_FRAMES'] ?? 4000);
/** What is explained one frame after the other at a host of its own. */
class Prover {
  readonly ends = new Map<string, number>();
  readonly #host: Host;
  readonly #feed: FrameFeed;
  readonly #intake: PacketIntake;

  constructor(host: Host) {
    this.#host = host;
    this.#feed = new FrameFeed(host, 1, () => {});
    this.#intake = new PacketIntake({
      host,
      feed: this.#feed,
      problems: new ProblemLog(),
      outbound: 'send',
    });
  }

  take(packet: CapturedPacket): WhyJson {
    const why = explain(packet, this.#host, this.#feed, this.#intake);
    this.ends.set(why.end, (this.ends.get(why.end) ?? 0) + 1);
    if (why.faults.length > 0) throw new Error(`frame ${why.frame}: ${why.faults.join('; ')}`);
    return why;
  }
}

describe('vmq why proves itself', () => {
  const captures = readdirSync(CAPTURES).filter((name) => /\.pcap(ng)?$/.test(name));

  it.each(captures)('for the frames of %s', async (name) => {
    const path = join(CAPTURES, name);
    const { config } = await replayConfig(path, {});
    const host = makeHost({ ...config, executor: 'deterministic' }, { traceRecords: 1 << 14, sources: true });
    const file = await CaptureFile.open(new CaptureInput(path), false, neverInterrupted);
    const prover = new Prover(host);
    let seen = 0;
    try {
      await file.eachPacket(
        (packet) => {
          prover.take(packet);
          seen++;
          return true;
        },
        { interrupted: neverInterrupted },
      );
    } finally {
      file.close();
      await host.stop();
    }
    expect(seen).toBeGreaterThan(100);
    expect(prover.ends.get('delivered') ?? 0).toBeGreaterThan(0);
    expect(prover.ends.has('unaccounted')).toBe(false);
  });

  it('for random frames at random hosts, under both executors', async () => {
    const random = createRandom(20_121_122);
    const ends = new Set<string>();
    const perHost = 200;
    for (let left = RANDOM_FRAMES, n = 0; left > 0; left -= perHost, n++) {
      // Threads once in ten hosts: each frame waits for real ones there.
      const threads = n % 10 === 9;
      const count = Math.min(left, threads ? 20 : perHost);
      const addresses = Array.from(
        { length: 1 + random.below(6) },
        (_, i) => `00155d0a00${(i + 1).toString(16).padStart(2, '0')}`,
      );
      const checked = checkHostConfig(randomHost(random, addresses, threads));
      if (!checked.ok) throw new Error(checked.problems.map(({ message }) => message).join('; '));
      const host = makeHost(checked.config, { traceRecords: 1 << 14, sources: true });
      try {
        const prover = new Prover(host);
        const frames = Array.from({ length: count }, () => randomFrame(random, addresses));
        for (const packet of readCapture(pcap(...frames)).packets) prover.take(packet);
        for (const end of prover.ends.keys()) ends.add(end);
      } finally {
        await host.stop();
      }
    }
    // Such frames end everywhere: a proof of deliveries alone would be none.
    expect([...ends]).toEqual(
      expect.arrayContaining([
        'delivered',
        'transmitted',
        'dropped.nic.no-match',
        'dropped.vswitch.source-port',
        'dropped.vswitch.vlan-mismatch',
        'dropped.vswitch.no-member-port',
        'dropped.vswitch.reserved-address',
      ]),
    );
  });
});

const VLANS = [0, 5, 33] as const;
const macText = (hex: string): string => (hex.toUpperCase().match(/../g) ?? []).join('-');

function randomHost(random: Random, addresses: readonly string[], threads: boolean): HostConfigInput {
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
  const processors = 1 + random.below(4);
  return {
    executor: threads ? 'threads' : 'deterministic',
    seed: random.below(1 << 30),
    processors,
    vmq: random.below(4) !== 0,
    ndisVersion: pick(['6.20', '6.30']),
    nic: {
      profile: pick(['vmq-nic', 'netvmini', 'i350', '82599']),
      receiveEngines: Math.min(processors, pick([1, 1, 2])),
    },
    switch: { floodUnknownUnicast: random.below(3) === 0 },
    vms: addresses.map((mac, i) => ({
      name: `vm${i + 1}`,
      mac: macText(mac),
      vlan: pick(VLANS),
      vmqWeight: pick([0, 100, 100]),
    })),
  };
}

function randomFrame(random: Random, addresses: readonly string[]): Buffer {
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
  const strangers = ['02005e0a0021', '02005e0a0022', '000000000000'];
  const groups = [BROADCAST, '01005e0000fb', '0180c2000000', '333300000001'];
  const vlan = pick([undefined, undefined, ...VLANS, 100]);
  const bytes = frame({
    destination: pick([...addresses, ...addresses, ...strangers, ...groups]),
    source: pick([...addresses, ...strangers, ...strangers, '01005e0000fb']),
    length: pick([14, 18, 60, 61, 64, 128, 1514, 1518]),
    priority: random.below(8),
    mark: random.below(256),
    ...(vlan === undefined ? {} : { vlan }),
  });
  const typeAt = vlan === undefined ? 12 : 16;
  if (random.below(12) === 0 && bytes.length >= typeAt + 2) bytes.write('8808', typeAt, 'hex');
  return bytes;
}
