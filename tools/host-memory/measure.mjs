/** Bytes of all shared buffers that are made from now on, by the file that makes them. */
function watchSharedBuffers() {
  const made = {};
  globalThis.SharedArrayBuffer = new Proxy(globalThis.SharedArrayBuffer, {
    construct(target, args) {
      const buffer = Reflect.construct(target, args);
      const caller = new Error().stack.split('\n')[2] ?? '';
      const file = /packages\/(.*?)\.js/.exec(caller)?.[1]?.replace('/dist/', '/') ?? 'elsewhere';
      made[file] = (made[file] ?? 0) + buffer.byteLength;
      return buffer;
    },
  });
  return made;
}

const macOf = (vm) => `00-15-5D-00-01-${vm.toString(16).padStart(2, '0')}`;

/** Largest frames to every VM, and some from it, until every ring and section has been used. */
function useAll(host, vms, rounds) {
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

export async function measureHost({ vms = 64, processors = 16, config = {}, options = {}, rounds = 24 }) {
  const nodeBytes = process.memoryUsage.rss();
  const made = watchSharedBuffers();
  const { checkHostConfig, createHost } = await import('../../packages/host/dist/index.js');
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
