/**
 * What the NIC may reach is what was granted, page by page, at every moment of a host's life; and what was not granted
 * it does not touch, whatever its driver writes into a descriptor.
 */
import { NDIS_SHARED_MEMORY_USAGE, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { DMA_READ, DMA_WRITE, HOST_SEGMENT, type MemorySegment, PAGE_SIZE } from '@vmq/machine';
import { REG, RX_QUEUE_STRIDE } from '@vmq/nic';
import { afterEach, describe, expect, it } from 'vitest';
import type { Host } from '../../src/index.ts';
import {
  hostOf,
  marked,
  memoryOf,
  received,
  receiveSections,
  STATION,
  unicastMark,
  VMS,
} from './isolation.test-support.ts';

const hosts: Host[] = [];
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
});
function started(...args: Parameters<typeof hostOf>): Host {
  const host = hostOf(...args);
  hosts.push(host);
  return host;
}

const [web] = VMS;
const portOf = (host: Host, name: string) => {
  const found = host.virtualSwitch.inspect().ports.find(({ vmName }) => vmName === name);
  if (found === undefined) throw new Error(`no port of ${name}`);
  return found;
};

/** Pages with any right: `segment:page` to rights. */
function granted(host: Host): Map<string, number> {
  const pages = new Map<string, number>();
  for (const { id } of host.machine.memory.segments) {
    host.dmaDomain.table(id)?.forEach((rights, page) => {
      if (rights !== 0) pages.set(`${id}:${page}`, rights);
    });
  }
  return pages;
}

/** What the books say: the adapter's allocations by their usage, and the switch's send buffers. */
function booked(host: Host): Map<string, number> {
  const pages = new Map<string, number>();
  const add = (segment: number, offset: number, length: number, rights: number): void => {
    expect(offset % PAGE_SIZE).toBe(0);
    for (let page = offset / PAGE_SIZE; page * PAGE_SIZE < offset + length; page++) {
      expect(pages.has(`${segment}:${page}`)).toBe(false); // one owner a page
      pages.set(`${segment}:${page}`, rights);
    }
  };
  for (const { usage, elements } of host.adapter.inspect().sharedMemory) {
    const rights =
      usage === NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageOther ? DMA_READ | DMA_WRITE : DMA_WRITE;
    for (const { segment, offset, length } of elements) add(segment, offset, length, rights);
  }
  for (const { segment, elements, grants } of host.sharedMemory.inspect().blocks) {
    for (const rights of Object.values(grants))
      for (const { offset, length } of elements) add(segment, offset, length, rights);
  }
  return pages;
}

/** Pages of a VM's memory that the NIC reaches. */
const reached = (host: Host, segment: MemorySegment): number[] =>
  [...granted(host).keys()]
    .filter((key) => key.startsWith(`${segment.id}:`))
    .map((key) => Number(key.split(':')[1]));

describe.each(['6.20', '6.30'] as const)('what the NIC is granted on %s', (ndisVersion) => {
  it('SEC-01 SHM-07 is what the books say, after every change of VMs, queues and VLANs', () => {
    const host = started({ ndisVersion, maxVms: 5 });
    const check = (): void => expect(granted(host)).toEqual(booked(host));
    check();
    const { port } = portOf(host, 'db');
    for (const change of [
      { vlan: { mode: 'access', vlan: 300 } } as const,
      { vmqWeight: 0 },
      { vmqWeight: 100 },
    ]) {
      expect(host.virtualSwitch.setPort(port, change).status).toBe(NDIS_STATUS_SUCCESS);
      check();
    }
    const memory = memoryOf(host, 'web');
    expect(host.removeVm('web').status).toBe(NDIS_STATUS_SUCCESS);
    check();
    expect(reached(host, memory)).toEqual([]);
    expect(host.addVm({ name: 'next', mac: '00-15-5d-00-00-09' }).status).toBe(NDIS_STATUS_SUCCESS);
    check();
  });

  it('SEC-03 SEC-04 of a VM’s memory: sections of its receive buffer, to be written, for its own queue; on 6.30 nothing', () => {
    const host = started({ ndisVersion });
    for (const vm of VMS) {
      const memory = memoryOf(host, vm.name);
      const pages = reached(host, memory);
      const { queueId } = portOf(host, vm.name);
      if (ndisVersion === '6.30' || vm.vmqWeight === 0) {
        expect(pages).toEqual([]);
        continue;
      }
      expect(pages.length).toBeGreaterThan(0);
      const { start, size, count } = receiveSections(host);
      for (const page of pages) {
        expect(page * PAGE_SIZE).toBeGreaterThanOrEqual(start);
        expect((page + 1) * PAGE_SIZE).toBeLessThanOrEqual(start + size * count);
        expect(granted(host).get(`${memory.id}:${page}`)).toBe(DMA_WRITE);
      }
      for (const { elements, queueId: owner } of host.adapter.inspect().sharedMemory) {
        if (elements.some(({ segment }) => segment === memory.id)) expect(owner).toBe(queueId);
      }
    }
  });
});

/** Every descriptor of a hardware queue, made to name another buffer; gives what there was back. */
function redirect(host: Host, queue: number, segment: number, offset: number): () => void {
  const bar = host.machine.memory.segments.find(({ name }) => name === 'nic') as MemorySegment;
  const at = (REG.RDBASE + queue * RX_QUEUE_STRIDE) >> 2;
  const ring = bar.i32[at] >> 2;
  const words = host.machine.memory.host.i32;
  const before = words.slice(ring, ring + 4 * 32);
  for (let i = 0; i < 32; i++) {
    words[ring + 4 * i] = offset;
    words[ring + 4 * i + 1] = segment;
  }
  return () => words.set(before, ring);
}

describe('SEC-01 a descriptor that names what was not granted', () => {
  const targets: Record<string, (host: Host) => readonly [number, number]> = {
    'another VM’s memory': (host) => [memoryOf(host, 'db').id, receiveSections(host).start],
    'its own VM’s memory, on 6.30': (host) => [memoryOf(host, 'web').id, receiveSections(host).start],
    'the registers of the device': (host) => [
      host.machine.memory.segments.findIndex(({ name }) => name === 'nic'),
      0,
    ],
    'a page of the host that nobody granted': (host) => [HOST_SEGMENT, freePage(host, 0) * PAGE_SIZE],
    'a page that was granted for reading': (host) => [HOST_SEGMENT, freePage(host, DMA_READ) * PAGE_SIZE],
    'the end of a granted page and the beginning of another': (host) => [
      HOST_SEGMENT,
      lastGranted(host) + 4096 - 64,
    ],
    'the end of memory': (host) => [HOST_SEGMENT, host.machine.memory.host.byteLength - 64],
    'an address that goes round 2^31': () => [HOST_SEGMENT, 0x7fff_ffc0],
    'an address that goes round 2^32': () => [HOST_SEGMENT, -64],
    'no segment at all': () => [99, 0],
    'a segment below the first': () => [-1, 0],
  };

  /** A page of host memory with exactly these rights. */
  function freePage(host: Host, rights: number): number {
    const page = host.dmaDomain.table(HOST_SEGMENT)?.indexOf(rights, 1) ?? -1;
    if (page < 0) throw new Error(`no page with rights ${rights}`);
    return page;
  }

  /** Byte offset of a page that may be written, before one that may not. */
  function lastGranted(host: Host): number {
    const table = host.dmaDomain.table(HOST_SEGMENT) as Uint8Array;
    const page = table.findIndex(
      (one, i) => (one & DMA_WRITE) !== 0 && ((table[i + 1] ?? 0) & DMA_WRITE) === 0,
    );
    return page * PAGE_SIZE;
  }

  it.each(Object.keys(targets))('is a counted fault and not a byte is written: %s', (name) => {
    const host = started({});
    const { queueId } = portOf(host, 'web');
    const [segment, offset] = targets[name](host);
    const frame = marked(web.mac, STATION, unicastMark(web), 1000);
    const undo = redirect(host, queueId, segment, offset);
    host.wire.send(frame, 0, frame.length);
    host.wire.flush();
    host.runUntilIdle();
    for (const { u8 } of host.machine.memory.segments)
      expect(Buffer.from(u8.buffer).includes(Buffer.alloc(16, unicastMark(web)))).toBe(false);
    expect(host.inspect().ledger.ends.dropped).toEqual({ 'nic.dma-fault': 1 });
    undo();
    host.wire.send(frame, 0, frame.length);
    host.wire.flush();
    host.runUntilIdle();
    expect(received(host, 'web')).toEqual([frame]);
  });

  it('is refused once its block is freed: nothing is remembered; granted again, it writes', () => {
    const host = started({});
    const { queueId } = portOf(host, 'db');
    const theirs = host.adapter
      .inspect()
      .sharedMemory.find(
        (b) => b.queueId === queueId && b.usage === NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceive,
      );
    const { offset } = theirs?.elements[0] ?? { offset: 0 };
    const frame = marked(web.mac, STATION, unicastMark(web), 200);
    // While the block is granted, the domain cannot tell one queue of the adapter from another: see the threat model.
    expect(host.dmaDomain.permits(HOST_SEGMENT, offset, 200, DMA_WRITE)).toBe(true);
    expect(host.removeVm('db').status).toBe(NDIS_STATUS_SUCCESS);
    redirect(host, portOf(host, 'web').queueId, HOST_SEGMENT, offset);
    host.wire.send(frame, 0, frame.length);
    host.wire.flush();
    host.runUntilIdle();
    const { u8 } = host.machine.memory.host;
    expect(Buffer.from(u8.buffer).includes(Buffer.alloc(16, unicastMark(web)))).toBe(false);
    expect(host.inspect().ledger.ends.dropped).toEqual({ 'nic.dma-fault': 1 });
    // Control: with the right to write there the same descriptor does write.
    host.dmaDomain.setRights(HOST_SEGMENT, offset, PAGE_SIZE, DMA_WRITE);
    host.wire.send(frame, 0, frame.length);
    host.wire.flush();
    host.runUntilIdle();
    expect([...u8.subarray(offset, offset + 200)]).toEqual([...frame]);
  });
});
