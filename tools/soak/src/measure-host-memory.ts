// Measures what a host takes of memory; see host-memory.ts.
import type { Host, HostOptions } from '@vmq/host';

export interface HostMemoryParameters {
  readonly vms: number;
  readonly processors: number;
  /** What else the host's configuration says. */
  readonly config: object;
  readonly options: HostOptions;
  /** Of the largest frames to every VM. */
  readonly rounds: number;
}

export interface HostMemory {
  readonly nodeBytes: number;
  readonly upBytes: number;
  readonly usedBytes: number;
  readonly sharedBytes: number;
  /** Frames that reached a VM. */
  readonly delivered: number;
  /** Bytes of shared buffers by the file that made them. */
  readonly shared: Readonly<Record<string, number>>;
}

/** Bytes of all shared buffers that are made from now on, by the file that makes them. */
function watchSharedBuffers(): Record<string, number> {
  const made: Record<string, number> = {};
  globalThis.SharedArrayBuffer = new Proxy(globalThis.SharedArrayBuffer, {
    construct(target, args: [number]) {
      const buffer = new target(...args);
      const caller = new Error().stack?.split('\n')[2] ?? '';
      const file = /packages\/(.*?)\.js/.exec(caller)?.[1]?.replace('/dist/', '/') ?? 'elsewhere';
      made[file] = (made[file] ?? 0) + buffer.byteLength;
      return buffer;
    },
  });
  return made;
}

const macOf = (vm: number): string => `00-15-5D-00-01-${vm.toString(16).padStart(2, '0')}`;

/** Largest frames to every VM, until every ring and section has been used. */
function useAll(host: Host, vms: number, rounds: number): void {
  const frame = new Uint8Array(1514);
  frame.set([2, 0, 0, 0, 0, 9, 0x88, 0xb5], 6);
  for (let round = 0; round < rounds; round++) {
    for (let vm = 0; vm < vms; vm++) {
      frame.set([0x00, 0x15, 0x5d, 0, 1, vm]);
      for (let i = 0; i < 32; i++) host.wire.send(frame, 0, frame.length);
      host.wire.flush();
      if (vm % 8 === 7) host.runUntilIdle();
    }
    host.runUntilIdle();
    for (const name of host.vmNames) host.takeReceived(name, () => {});
  }
}

export async function measureHost({
  vms = 64,
  processors = 16,
  config = {},
  options = {},
  rounds = 24,
}: Partial<HostMemoryParameters>): Promise<HostMemory> {
  const nodeBytes = process.memoryUsage.rss();
  const made = watchSharedBuffers();
  // Loaded when the shared buffers are watched, and Node alone has been measured.
  const { checkHostConfig, createHost } = await import('@vmq/host');
  const checked = checkHostConfig({
    executor: 'threads',
    processors,
    vms: Array.from({ length: vms }, (_, vm) => ({ name: `vm${vm}`, mac: macOf(vm) })),
    ...config,
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const host = createHost(checked.config, options);
  host.runUntilIdle();
  const upBytes = process.memoryUsage.rss();
  useAll(host, vms, rounds);
  const usedBytes = process.memoryUsage.rss();
  const { ledger } = host.inspect();
  await host.stop();
  const sharedBytes = Object.values(made).reduce((sum, bytes) => sum + bytes, 0);
  return { nodeBytes, upBytes, usedBytes, sharedBytes, delivered: ledger.ends.delivered, shared: made };
}
