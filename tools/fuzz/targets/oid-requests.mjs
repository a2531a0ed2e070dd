// The whole OID path of a live adapter: known and unknown OIDs as queries, sets, methods and statistics, with valid and
// damaged buffers and with lengths that lie; from two protocols and from user mode.
//
// Two benches get the same requests, each with its own bytes around the information buffer; they must answer alike.
import { readFileSync } from 'node:fs';
import { edge, fromHex, mutate, noise } from '../bytes.mjs';
import { Arena, digest } from '../guard.mjs';

const goldens = JSON.parse(
  readFileSync(new URL('../../../packages/abi/data/golden-buffers.json', import.meta.url), 'utf8'),
).buffers.map(({ hex }) => fromHex(hex));

const QUERY = 0;
const SET = 1;
const STATISTICS = 2;
const METHOD = 12;
const KINDS = ['6.30', '6.20', '6.20 split', '6.60', '6.30 without VLAN', '6.30 without VMQ'];
/** Turns of agents that one request may take. */
const MOST_TURNS = 5000;

/** Valid requests around queues 0 to 3 and filters 1 to 5: [oid, type, input]. */
function validRequests(abi, ndis) {
  const made = [];
  const add = (oid, type, bytes) => made.push({ oid, type, bytes });
  const options = { ndis };
  for (let queue = 0; queue < 4; queue++) {
    const id = { QueueId: queue };
    for (let n = 0; n < 3; n++) {
      const parameters = {
        Flags: queue & 3,
        QueueType: 1,
        ProcessorAffinity: { Mask: BigInt(1 + (queue & 1)) },
        NumSuggestedReceiveBuffers: 8 * queue,
        LookaheadSize: ndis === 620 && (queue & 2) !== 0 ? 64 : 0,
        VmName: 'web',
      };
      const bytes = abi.NDIS_RECEIVE_QUEUE_PARAMETERS.encode(parameters, options);
      add(abi.OID_RECEIVE_FILTER_ALLOCATE_QUEUE, METHOD, bytes);
      add(
        abi.OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
        METHOD,
        abi.NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.encode({ elements: [id] }, options),
      );
      for (const vlan of [0, 100]) {
        const mac = {
          FrameHeader: 1,
          ReceiveFilterTest: 1,
          HeaderField: { MacHeaderField: 1 },
          FieldValue: { FieldByteArrayValue: Uint8Array.of(0, 0x15, 0x5d, 0, 0, queue) },
        };
        const tag = {
          FrameHeader: 1,
          ReceiveFilterTest: 1,
          HeaderField: { MacHeaderField: 4 },
          FieldValue: { FieldShortValue: vlan },
        };
        const elements = vlan === 0 ? [mac] : [mac, tag];
        const value = { FilterType: 1, QueueId: queue, elements };
        add(
          abi.OID_RECEIVE_FILTER_SET_FILTER,
          METHOD,
          abi.NDIS_RECEIVE_FILTER_PARAMETERS.encode(value, options),
        );
      }
    }
    const changes = { ...id, Flags: 0xe0000001, ProcessorAffinity: { Mask: 2n }, QueueName: 'q' };
    add(
      abi.OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
      SET,
      abi.NDIS_RECEIVE_QUEUE_PARAMETERS.encode(changes, options),
    );
    add(
      abi.OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
      METHOD,
      abi.NDIS_RECEIVE_QUEUE_PARAMETERS.encode(id, options),
    );
    add(abi.OID_RECEIVE_FILTER_FREE_QUEUE, SET, abi.NDIS_RECEIVE_QUEUE_FREE_PARAMETERS.encode(id, options));
    add(
      abi.OID_RECEIVE_FILTER_ENUM_FILTERS,
      METHOD,
      abi.NDIS_RECEIVE_FILTER_INFO_ARRAY.encode({ ...id, elements: [] }, options),
    );
    for (let filter = 1; filter <= 5; filter++) {
      const ids = { QueueId: queue, FilterId: filter };
      add(
        abi.OID_RECEIVE_FILTER_CLEAR_FILTER,
        SET,
        abi.NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS.encode(ids, options),
      );
    }
  }
  for (let filter = 1; filter <= 3; filter++) {
    const value = { FilterId: filter, elements: [] };
    add(abi.OID_RECEIVE_FILTER_PARAMETERS, METHOD, abi.NDIS_RECEIVE_FILTER_PARAMETERS.encode(value, options));
  }
  add(abi.OID_GEN_CURRENT_PACKET_FILTER, SET, Uint8Array.of(0x2f, 0, 0, 0));
  add(abi.OID_802_3_MULTICAST_LIST, SET, Uint8Array.of(1, 0, 0x5e, 0, 0, 1, 1, 0, 0x5e, 0, 0, 2));
  add(abi.OID_TCP_OFFLOAD_PARAMETERS, SET, abi.NDIS_OFFLOAD_PARAMETERS.encode({}, options));
  add(abi.OID_PNP_SET_POWER, SET, Uint8Array.of(4, 0, 0, 0));
  const empty = new Uint8Array(0);
  for (const oid of [
    abi.OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
    abi.OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
    abi.OID_RECEIVE_FILTER_GLOBAL_PARAMETERS,
    abi.OID_RECEIVE_FILTER_ENUM_QUEUES,
    abi.OID_GEN_STATISTICS,
    abi.OID_NIC_SWITCH_HARDWARE_CAPABILITIES,
  ])
    add(oid, QUERY, empty);
  return made;
}

export const oidRequests = {
  name: 'oid-requests',
  about: 'OID requests to a live adapter, from two protocols and from user mode',
  modules: { abi: 'abi/index', bench: 'testkit/driver/bench' },
  perSession: 2000,
  open({ abi, bench }, random, note) {
    const kind = random.pick(KINDS);
    const [first, second] = random.pick([
      ['plain', 'shared'],
      ['buffer', 'plain'],
      ['shared', 'buffer'],
    ]);
    const makeSide = (arena) => {
      const side = { arena, bench: null, completions: 0, last: null };
      const listener = {
        completed: (request, status) => {
          side.completions++;
          side.last = { request, status };
        },
        indicated: () => {},
      };
      side.bench = bench.createBench({ kind, seed: 7 }, { A: listener, B: listener });
      return side;
    };
    const sides = [makeSide(new Arena(first, 0x00)), makeSide(new Arena(second, 0xff))];
    const corpus = validRequests(abi, kind.startsWith('6.20') ? 620 : 630);
    const oids = Object.entries(abi)
      .filter(([name, value]) => name.startsWith('OID_') && typeof value === 'number')
      .map(([, value]) => value);
    const vmqOids = oids.filter((oid) => oid >>> 8 === 0x102 || abi.oidUse(oid) !== undefined);
    let requestId = 1;

    const plan = (random) => {
      const valid = random.pick(corpus);
      let { oid, type, bytes } = valid;
      const how = random.below(8);
      if (how === 0) bytes = noise(random, 1300);
      else if (how <= 4) bytes = mutate(random, bytes, random.pick(goldens), 8192);
      if (random.once(10)) oid = random.once(2) ? random.pick(vmqOids) : random.pick(oids);
      else if (random.once(60)) oid = random.next();
      if (random.once(12))
        type = random.once(4) ? random.below(20) : random.pick([QUERY, SET, STATISTICS, METHOD]);
      const asks = type === QUERY || type === STATISTICS;
      let input = asks ? 0 : bytes.length;
      let output = type === SET ? 0 : random.pick([bytes.length, bytes.length, 1200, 5000, 8, 0]);
      let length = Math.max(input, output);
      if (random.once(8)) {
        // Lengths that lie: about the input, about the output, or both.
        const lie = (honest) =>
          random.pick([
            0,
            1,
            3,
            honest - 1,
            honest + 1,
            honest + 4,
            edge(random),
            2 ** 32,
            -1,
            Number.NaN,
            0.5,
          ]);
        if (random.once(2)) input = lie(input);
        else output = lie(output);
        if (random.once(4)) length = random.below(64);
      }
      return { oid, type, bytes, input, output, length, caller: random.below(8) };
    };

    const ask = (side, { oid, type, bytes, input, output, length, caller }) => {
      const whole = new Uint8Array(length);
      whole.set(bytes.subarray(0, length));
      const request = {
        requestType: type,
        oid,
        informationBuffer: side.arena.place(whole, oid & 7),
        inputBufferLength: input,
        outputBufferLength: output,
        portNumber: 0,
        timeoutSeconds: 10,
        requestId: requestId,
        bytesRead: 0,
        bytesWritten: 0,
        bytesNeeded: 0,
        supportedRevision: 0,
      };
      const { executor, A, B, adapter } = side.bench;
      const turns = executor.turns;
      side.completions = 0;
      let status =
        caller === 0 ? adapter.userModeRequest(request) : (caller < 3 ? B : A).binding.oidRequest(request);
      executor.runUntilIdle();
      if (status === abi.NDIS_STATUS_PENDING) {
        if (side.completions !== 1 || side.last.request !== request)
          throw new Error(`${side.completions} completions of a pending request`);
        status = side.last.status;
      } else if (side.completions !== 0) throw new Error('a completion of a request that did not pend');
      if (executor.turns - turns > MOST_TURNS)
        throw new Error(`${executor.turns - turns} turns for one request`);
      const answer = new Uint8Array(request.informationBuffer);
      side.arena.check(whole, true, (requestId & 63) === 0);
      const { bytesRead, bytesWritten, bytesNeeded, supportedRevision } = request;
      return { status, bytesRead, bytesWritten, bytesNeeded, supportedRevision, answer };
    };

    return {
      one(random) {
        const request = plan(random);
        requestId++;
        const { oid, type, bytes, input, output, length } = request;
        note(
          `oid 0x${oid.toString(16)} type ${type} input ${input} output ${output} buffer ${length} on ${kind}, caller ${request.caller}: ${Buffer.from(bytes).toString('hex')}`,
        );
        const [a, b] = sides.map((side) => ask(side, request));
        if (digest(a) !== digest(b)) throw new Error('bytes outside the buffer changed the answer');
        const name = abi.statusName(a.status);
        if (!name.startsWith('NDIS_STATUS_')) throw new Error(`status ${name} has no name`);
        if (a.bytesRead > Math.min(length, Math.max(input, 0)) || a.bytesWritten > length)
          throw new Error(`${name}: ${a.bytesRead} bytes read, ${a.bytesWritten} written`);
        if (a.status === abi.NDIS_STATUS_SUCCESS) return 'success';
        return `refused: ${name}`;
      },
      async close() {
        for (const { bench } of sides) {
          const violations = bench.ndis.refusals.entries.filter(
            ({ rule, expected, found }) => !rule || !expected || !found,
          );
          if (violations.length > 0)
            throw new Error(`a refusal without a name: ${JSON.stringify(violations[0])}`);
          await bench.stop();
        }
      },
    };
  },
};
