// OID requests per second, one after the other, from NDIS's entry to the completion: a query that NDIS answers out of
// its books, and one that goes down to the miniport.
//   node oids.mjs '{"ms":300}'
import {
  NDIS_STATUS_SUCCESS,
  OID_GEN_STATISTICS,
  OID_RECEIVE_FILTER_ENUM_QUEUES,
} from '../../../packages/abi/dist/index.js';
import { queryRequest, queryStatisticsRequest } from '../../../packages/ndis/dist/index.js';
import { measure, warmUp } from '../stopwatch.mjs';
import { createBenchHost } from '../traffic.mjs';

const { vms = 8, ms = 300, warmUpMs = 300 } = JSON.parse(process.argv[2] ?? '{}');
const host = createBenchHost({ size: '64', vms });
const problems = new Set();
const ask = (make, oid, room) => {
  const request = make(oid, room);
  const status = host.adapter.userModeRequest(request);
  if (status !== NDIS_STATUS_SUCCESS) problems.add(`OID ${oid.toString(16)}: status ${status.toString(16)}`);
  if (request.bytesWritten === 0) problems.add(`OID ${oid.toString(16)} wrote nothing`);
};
const rate = (work) => {
  let count = 0;
  const counted = () => {
    work();
    count++;
  };
  warmUp(counted, warmUpMs);
  count = 0;
  const time = measure(counted, ms);
  return { perSecond: (count * 1000) / time.wallMs, ...time };
};
const enumerations = rate(() => ask(queryRequest, OID_RECEIVE_FILTER_ENUM_QUEUES, 5000));
const statistics = rate(() => ask(queryStatisticsRequest, OID_GEN_STATISTICS, 256));
console.log(
  JSON.stringify({
    wallMs: enumerations.wallMs + statistics.wallMs,
    cpuMs: enumerations.cpuMs + statistics.cpuMs,
    controlNs: Math.max(enumerations.controlNs, statistics.controlNs),
    oidsPerSecond: statistics.perSecond,
    enumerationsPerSecond: enumerations.perSecond,
    problems: [...problems],
  }),
);
await host.stop();
