import {
  NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_SUCCESS,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_RECEIVE_SCALE_PARAMETERS,
  OID_GEN_VENDOR_ID,
  OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  OID_RECEIVE_FILTER_GLOBAL_PARAMETERS,
  OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
} from '@vmq/abi';
import { type OidRequest, outputOf, queryRequest, setRequest } from '@vmq/ddi';
import { createRandom } from '@vmq/machine';
import { describe, expect, test } from 'vitest';
import { refusalLine } from '../../src/index.ts';
import {
  allocateRequest,
  capabilities,
  createBench,
  freeRequest,
  stateOf,
  TestProtocol,
} from '../bench.test-support.ts';

const packetFilter = (value: number) =>
  setRequest(OID_GEN_CURRENT_PACKET_FILTER, Uint8Array.of(value, 0, 0, 0));

describe('one request at a time', () => {
  test('INIT-11: while one pends the next wait their turn, in order; NDIS-answered ones do not', () => {
    const { binding, miniport, protocol, adapter } = createBench();
    miniport.pendNext = true;
    const first = packetFilter(1);
    const second = packetFilter(2);
    const third = allocateRequest();
    expect(binding.oidRequest(first)).toBe(NDIS_STATUS_PENDING);
    expect(binding.oidRequest(second)).toBe(NDIS_STATUS_PENDING);
    expect(binding.oidRequest(third)).toBe(NDIS_STATUS_PENDING);
    expect(binding.oidRequest(queryRequest(OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, 100))).toBe(
      NDIS_STATUS_SUCCESS,
    );
    expect(miniport.seen).toEqual([first]);
    expect(adapter.inspect().pendingOids.map(({ state }) => state)).toEqual([
      'at the miniport',
      'queued',
      'queued',
    ]);
    miniport.completePended();
    expect(protocol.completions.map(({ request }) => request)).toEqual([first, second, third]);
    expect(protocol.completions.map(({ status }) => status)).toEqual([0, 0, 0]);
    expect(miniport.packetFilter).toBe(2);
    expect(stateOf(adapter, 1)).toBe('Allocated');
  });

  test('INIT-11: a queued request is verified when its turn comes', () => {
    const { binding, miniport, protocol, adapter } = createBench();
    miniport.pendNext = true;
    binding.oidRequest(allocateRequest());
    // Queue 1 does not exist yet, but will.
    const free = freeRequest(1);
    const twice = freeRequest(1);
    expect(binding.oidRequest(free)).toBe(NDIS_STATUS_PENDING);
    expect(binding.oidRequest(twice)).toBe(NDIS_STATUS_PENDING);
    miniport.completePended();
    expect(protocol.completions.map(({ status }) => status)).toEqual([0, 0, 0xc000000d]);
    expect(stateOf(adapter, 1)).toBe('Undefined');
  });

  test('INIT-14: a second completion throws with its name, as do PENDING and a stranger’s', () => {
    const { binding, miniport, protocol, violations } = createBench();
    miniport.pendNext = true;
    binding.oidRequest(packetFilter(1));
    // What the miniport has got: the types of all bindings.
    const request = miniport.pended as OidRequest;
    expect(() => miniport.adapter.oidRequestComplete(request, NDIS_STATUS_PENDING)).toThrow(
      'NdisOidPendingComplete',
    );
    miniport.completePended();
    expect(() => miniport.adapter.oidRequestComplete(request, NDIS_STATUS_SUCCESS)).toThrow(
      'NdisOidDoubleComplete',
    );
    expect(() => miniport.adapter.oidRequestComplete(packetFilter(3), 0)).toThrow('NdisOidUnknownComplete');
    expect(protocol.completions.length).toBe(1);
    expect(violations()).toEqual([
      'NdisOidPendingComplete',
      'NdisOidDoubleComplete',
      'NdisOidUnknownComplete',
    ]);
  });

  test('INIT-12: nothing of an earlier try stays in the request', () => {
    const { binding } = createBench();
    const request = packetFilter(1);
    Object.assign(request, { bytesRead: 7, bytesWritten: 7, bytesNeeded: 7 });
    expect(binding.oidRequest(request)).toBe(NDIS_STATUS_SUCCESS);
    expect([request.bytesWritten, request.bytesNeeded]).toEqual([0, 0]);
  });

  test('INIT-14: only a set that succeeds fills SupportedRevision', () => {
    const { binding, miniport } = createBench();
    miniport.failNext = NDIS_STATUS_FAILURE;
    const failed = packetFilter(1);
    const set = packetFilter(1);
    const method = allocateRequest();
    expect([failed, set, method].map((request) => binding.oidRequest(request))).toEqual([
      NDIS_STATUS_FAILURE,
      NDIS_STATUS_SUCCESS,
      NDIS_STATUS_SUCCESS,
    ]);
    expect([failed, set, method].map(({ supportedRevision }) => supportedRevision)).toEqual([0, 1, 0]);
  });

  test('INIT-14: a request cannot be given again before it has completed, queued or at the miniport', () => {
    const { binding, miniport, protocol } = createBench();
    miniport.pendNext = true;
    const first = packetFilter(1);
    const second = packetFilter(2);
    binding.oidRequest(first);
    binding.oidRequest(second);
    expect(() => binding.oidRequest(first)).toThrow('NdisOidRequestReused');
    expect(() => binding.oidRequest(second)).toThrow('NdisOidRequestReused');
    miniport.completePended();
    expect(protocol.completions.length).toBe(2);
    expect(binding.oidRequest(first)).toBe(NDIS_STATUS_SUCCESS);
  });

  test('INIT-14: a stranger’s completion does not complete the request that is at the miniport', () => {
    const { binding, miniport, protocol } = createBench();
    miniport.pendNext = true;
    binding.oidRequest(packetFilter(1));
    expect(() => miniport.adapter.oidRequestComplete(packetFilter(3), 0)).toThrow('NdisOidUnknownComplete');
    expect(protocol.completions).toEqual([]);
    miniport.completePended();
    expect(protocol.completions.length).toBe(1);
  });

  test('INIT-14: completing inside the call and returning a status is a double completion', () => {
    const { binding, miniport } = createBench();
    miniport.handle = (adapter, request) => {
      adapter.oidRequestComplete(request, NDIS_STATUS_SUCCESS);
      return NDIS_STATUS_SUCCESS;
    };
    expect(() => binding.oidRequest(packetFilter(1))).toThrow('NdisOidDoubleComplete');
  });

  test('INIT-14: completing inside the call and returning PENDING is legal, and a set fills SupportedRevision', () => {
    const { binding, miniport, protocol } = createBench();
    miniport.handle = (adapter, request) => {
      adapter.oidRequestComplete(request, NDIS_STATUS_SUCCESS);
      return NDIS_STATUS_PENDING;
    };
    const request = packetFilter(1);
    expect(binding.oidRequest(request)).toBe(NDIS_STATUS_SUCCESS);
    expect(request.supportedRevision).toBe(1);
    expect(protocol.completions).toEqual([]);
  });

  test('waiting: a pended request is waited for, work items run meanwhile', () => {
    const { binding, miniport, protocol } = createBench();
    miniport.pendNext = true;
    const oidRequest = miniport.oidRequest.bind(miniport);
    miniport.oidRequest = (adapter, request) => {
      const status = oidRequest(adapter, request);
      if (status === NDIS_STATUS_PENDING) adapter.queueWorkItem(() => miniport.completePended());
      return status;
    };
    expect(binding.oidRequestAndWait(packetFilter(7))).toBe(NDIS_STATUS_SUCCESS);
    expect(protocol.completions).toEqual([]);
  });

  test('waiting: a request that is never completed is reported by name', () => {
    const { binding, miniport } = createBench();
    miniport.pendNext = true;
    expect(() => binding.oidRequestAndWait(packetFilter(7))).toThrow('NdisOidNeverCompleted');
  });

  test('cancel: a queued request is aborted, one at the miniport is the miniport’s to abort', () => {
    const { binding, miniport, protocol } = createBench();
    miniport.pendNext = true;
    const first = { ...packetFilter(1), requestId: 1 };
    const second = { ...packetFilter(2), requestId: 2 };
    binding.oidRequest(first);
    binding.oidRequest(second);
    binding.cancelOidRequest(second.requestId);
    expect(protocol.completions).toEqual([{ request: second, status: NDIS_STATUS_REQUEST_ABORTED }]);
    binding.cancelOidRequest(first.requestId);
    expect(miniport.events.at(-1)).toBe(`cancel ${first.requestId}`);
    miniport.completePended(NDIS_STATUS_REQUEST_ABORTED);
    expect(protocol.completions.at(-1)).toEqual({ request: first, status: NDIS_STATUS_REQUEST_ABORTED });
    expect(miniport.seen).toEqual([first]);
  });
});

describe('cancelling', () => {
  test('whoever cancels, only its own requests end, in whatever order, and each completes once', () => {
    const random = createRandom(11);
    for (let round = 0; round < 40; round++) {
      const { adapter, binding, miniport, protocol } = createBench();
      const other = new TestProtocol('other');
      const second = adapter.bind(other).binding;
      if (second === null) throw new Error('bind refused');
      const owners = [
        { binding, protocol },
        { binding: second, protocol: other },
      ];
      miniport.pendNext = true;
      // Ids of the two are the same: they are the issuer's to choose.
      const sent = Array.from({ length: 8 }, (_, i) => {
        const owner = random.below(2);
        const request = packetFilter(i % 16);
        Object.assign(request, { requestId: 1 + random.below(4) });
        const mine = owners[owner];
        const status = mine.binding.oidRequest(request);
        return { owner, request, status };
      });
      expect(new Set(sent.map(({ status }) => status))).toEqual(new Set([NDIS_STATUS_PENDING]));
      const [first, ...queued] = sent;
      const left = [...queued];
      for (let n = 0; n < 6; n++) {
        const owner = random.below(2);
        const id = 1 + random.below(4);
        const victim = left.findIndex((one) => one.owner === owner && one.request.requestId === id);
        const before = owners.map((one) => one.protocol.completions.length);
        const asked = miniport.events.length;
        owners[owner].binding.cancelOidRequest(id);
        const after = owners.map((one) => one.protocol.completions.length);
        const ended = victim < 0 ? undefined : left.splice(victim, 1)[0];
        expect(after).toEqual(before.map((count, i) => count + (ended !== undefined && i === owner ? 1 : 0)));
        if (ended !== undefined)
          expect(owners[owner]?.protocol.completions.at(-1)).toEqual({
            request: ended.request,
            status: NDIS_STATUS_REQUEST_ABORTED,
          });
        const atMiniport = ended === undefined && first?.owner === owner && first.request.requestId === id;
        expect(miniport.events.length - asked).toBe(atMiniport ? 1 : 0);
      }
      miniport.completePended();
      expect(owners.reduce((sum, one) => sum + one.protocol.completions.length, 0)).toBe(sent.length);
      const completed = owners.flatMap((one) => one.protocol.completions.map(({ request }) => request));
      expect(new Set(completed).size).toBe(sent.length);
    }
  });
});

describe('answered by NDIS', () => {
  test('CAP-16: hardware, current and global parameters come from the cache', () => {
    const hardware = capabilities(30, { NumQueues: 8 });
    const { binding, miniport } = createBench({ hardware });
    const ask = (oid: number, room: number): Uint8Array => {
      const request = queryRequest(oid, room);
      expect(binding.oidRequest(request)).toBe(NDIS_STATUS_SUCCESS);
      return outputOf(request);
    };
    expect(ask(OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, 84)).toEqual(hardware);
    expect(ask(OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, 100)).toEqual(capabilities(30));
    const global = NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS.decode(
      ask(OID_RECEIVE_FILTER_GLOBAL_PARAMETERS, 16),
    );
    expect(global.ok && global.value).toMatchObject({ EnabledFilterTypes: 1, EnabledQueueTypes: 1 });
    expect(miniport.seen).toEqual([]);
    const short = queryRequest(OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, 83);
    expect(binding.oidRequest(short)).toBe(NDIS_STATUS_INVALID_LENGTH);
    expect(short.bytesNeeded).toBe(84);
  });

  test('CAP-17: without receive filtering the capability queries get NOT_SUPPORTED', () => {
    const { binding } = createBench({ hardware: null, current: null });
    const ask = (oid: number) => binding.oidRequest(queryRequest(oid, 100));
    expect(ask(OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES)).toBe(NDIS_STATUS_NOT_SUPPORTED);
    expect(ask(OID_RECEIVE_FILTER_CURRENT_CAPABILITIES)).toBe(NDIS_STATUS_NOT_SUPPORTED);
    expect(ask(OID_RECEIVE_FILTER_GLOBAL_PARAMETERS)).toBe(NDIS_STATUS_FAILURE);
  });

  test('OFF-05: RSS sets get NOT_SUPPORTED while VMQ is current', () => {
    const { binding, miniport, lastRule } = createBench();
    const request = setRequest(OID_GEN_RECEIVE_SCALE_PARAMETERS, new Uint8Array(40));
    expect(binding.oidRequest(request)).toBe(NDIS_STATUS_NOT_SUPPORTED);
    expect(lastRule()).toBe('OFF-05');
    expect(miniport.seen).toEqual([]);
  });
});

describe('passed down', () => {
  test('packet filter, vendor id and unknown OIDs reach the miniport with their bytes', () => {
    const { binding, miniport } = createBench();
    expect(binding.oidRequest(packetFilter(0x2b))).toBe(NDIS_STATUS_SUCCESS);
    const query = queryRequest(OID_GEN_CURRENT_PACKET_FILTER, 4);
    expect(binding.oidRequest(query)).toBe(NDIS_STATUS_SUCCESS);
    expect([...outputOf(query)]).toEqual([0x2b, 0, 0, 0]);
    expect(binding.oidRequest(queryRequest(OID_GEN_VENDOR_ID, 40))).toBe(NDIS_STATUS_NOT_SUPPORTED);
    // NDIS knows what it has passed down.
    expect(miniport.seen.map(({ oid }) => oid)).toEqual([OID_GEN_CURRENT_PACKET_FILTER, OID_GEN_VENDOR_ID]);
  });
});

describe('the refusal log', () => {
  test('a refusal says rule, status, expected, found and ids, and subscribers hear of it', () => {
    const { binding, ndis } = createBench();
    const heard: string[] = [];
    const stop = ndis.refusals.subscribe((record) => heard.push(refusalLine(record)));
    binding.oidRequest(freeRequest(3));
    stop();
    binding.oidRequest(freeRequest(3));
    expect(heard).toEqual(['QUE-28: expected an existing queue, found no queue 3 (queueId 3)']);
    expect(ndis.refusals.count).toBe(2);
    expect(ndis.refusals.last).toMatchObject({ adapter: 'nic0', kind: 'refusal', number: 2 });
  });
});
