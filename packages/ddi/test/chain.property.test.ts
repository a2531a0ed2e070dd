import { fc, test } from '@fast-check/vitest';
import { createMachine } from '@vmq/machine';
import { describe, expect } from 'vitest';
import {
  append,
  appendAt,
  countNetBufferLists,
  countNetBuffers,
  cutBehind,
  filteringInfo,
  lastNetBufferList,
  lastOfQueue,
  Mdl,
  NetBuffer,
  NetBufferList,
  NetBufferListPool,
  NetBufferListQueue,
  NetBufferSharedMemory,
  queueIdOf,
  setStatus,
  splitByQueue,
} from '../src/index.ts';

const { memory } = createMachine({ hostMemoryBytes: 1 << 16, processors: 1, agents: [], dropReasons: [] });
const pool = new NetBufferListPool(0, memory.host);

/** NBLs linked to a chain, one for each queue id; `stamp` numbers them. */
function chainOf(queueIds: readonly number[]): NetBufferList[] {
  const list = queueIds.map((queueId, i) => {
    const nbl = new NetBufferList(pool, new NetBuffer(new Mdl(memory.host)));
    nbl.filteringInfo = filteringInfo(queueId, 0);
    nbl.stamp = i;
    return nbl;
  });
  list.forEach((nbl, i) => {
    nbl.next = list[i + 1] ?? null;
  });
  return list;
}

function listOf(head: NetBufferList | null): NetBufferList[] {
  const list: NetBufferList[] = [];
  for (let nbl = head; nbl !== null; nbl = nbl.next) list.push(nbl);
  return list;
}

const ids = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 });
const someIds = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 12 });

describe('chains', () => {
  test.prop([ids])('count, last and status as of an array', (queueIds) => {
    const list = chainOf(queueIds);
    const head = list[0] ?? null;
    expect(countNetBufferLists(head)).toBe(list.length);
    expect(countNetBuffers(head)).toBe(list.length);
    if (head !== null) expect(lastNetBufferList(head)).toBe(list.at(-1));
    setStatus(head, 7);
    expect(list.every(({ status }) => status === 7)).toBe(true);
  });

  test.prop([ids, ids])('append joins two chains, with the tail known or not', (one, two) => {
    const [a, b] = [chainOf(one), chainOf(two)];
    expect(listOf(append(a[0] ?? null, b[0] ?? null))).toEqual([...a, ...b]);
    const [c, d] = [chainOf(one), chainOf(two)];
    const last = c.at(-1);
    if (last === undefined) return;
    appendAt(last, d[0] ?? null);
    expect(listOf(c[0])).toEqual([...c, ...d]);
  });

  test.prop([someIds, fc.nat()])('cutBehind leaves two chains', (queueIds, at) => {
    const list = chainOf(queueIds);
    const k = at % list.length;
    const rest = cutBehind(list[k]);
    expect(listOf(list[0])).toEqual(list.slice(0, k + 1));
    expect(listOf(rest)).toEqual(list.slice(k + 1));
  });

  test.prop([someIds])('RX-08: lastOfQueue ends where another queue begins', (queueIds) => {
    const list = chainOf(queueIds);
    const end = queueIds.findIndex((id) => id !== queueIds[0]);
    expect(lastOfQueue(list[0])).toBe(list[(end < 0 ? list.length : end) - 1]);
  });

  test.prop([someIds])('splitByQueue keeps the order of each queue and loses nobody', (queueIds) => {
    const list = chainOf(queueIds);
    const found = new Map<number, NetBufferList[]>();
    splitByQueue(list[0], (chain, count) => {
      expect(found.has(queueIdOf(chain))).toBe(false);
      found.set(queueIdOf(chain), listOf(chain));
      expect(listOf(chain)).toHaveLength(count);
    });
    const met = [...new Set(queueIds)];
    expect([...found.keys()]).toEqual(met);
    for (const id of met) expect(found.get(id)).toEqual(list.filter((nbl) => queueIdOf(nbl) === id));
  });
});

describe('the counted queue', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('append' as const), ids: someIds }),
    fc.record({ kind: fc.constant('remove' as const), ids: fc.constant<number[]>([]) }),
    fc.record({ kind: fc.constant('removeAll' as const), ids: fc.constant<number[]>([]) }),
  );

  test.prop([fc.array(step, { maxLength: 30 })])(
    'is an array that is pushed to and shifted from',
    (steps) => {
      const queue = new NetBufferListQueue();
      let model: NetBufferList[] = [];
      for (const { kind, ids: queueIds } of steps) {
        if (kind === 'append') {
          const list = chainOf(queueIds);
          if (list.length === 1) queue.append(list[0]);
          else queue.appendChain(list[0], list[list.length - 1], list.length);
          model.push(...list);
        } else if (kind === 'remove') {
          const expected = model.shift() ?? null;
          const nbl = queue.remove();
          expect(nbl).toBe(expected);
          expect(nbl?.next ?? null).toBe(null);
        } else {
          expect(listOf(queue.removeAll())).toEqual(model);
          model = [];
        }
        expect(listOf(queue.first)).toEqual(model);
        expect(queue.last).toBe(model.at(-1) ?? null);
        expect(queue.count).toBe(model.length);
        expect(queue.isEmpty).toBe(model.length === 0);
      }
    },
  );
});

test('what is made anew describes no memory and no frame, but for a filter slot, which is none', () => {
  expect({ ...new NetBufferSharedMemory() }).toEqual({
    next: null,
    sharedMemoryFlags: 0,
    sharedMemoryHandle: 0,
    sharedMemoryOffset: 0,
    sharedMemoryLength: 0,
  });
  const mdl = new Mdl(memory.host);
  expect({ ...mdl, segment: null }).toEqual({ next: null, segment: null, byteOffset: 0, byteCount: 0 });
  const { pool: _, firstNetBuffer, ...rest } = new NetBufferList(pool, new NetBuffer(mdl));
  expect({ ...firstNetBuffer, mdl: null }).toEqual({
    next: null,
    mdl: null,
    dataOffset: 0,
    dataLength: 0,
    sharedMemoryInfo: null,
  });
  const { next, miniportReserved, filterSlot, ...numbers } = rest;
  expect([next, miniportReserved, filterSlot]).toEqual([null, null, -1]);
  expect(new Set(Object.values(numbers))).toEqual(new Set([0]));
});
