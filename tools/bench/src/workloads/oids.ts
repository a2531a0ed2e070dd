// OID requests per second, one after the other, from NDIS's entry to the completion: a query that NDIS answers out of
// its books, and one that goes down to the miniport.
//   node oids.js '{"ms":300}'
import { NDIS_STATUS_SUCCESS, OID_GEN_STATISTICS, OID_RECEIVE_FILTER_ENUM_QUEUES } from '@vmq/abi';
import { type OidRequest, queryRequest, queryStatisticsRequest } from '@vmq/ddi';
import { parametersOf, printSample, type Timing } from '../measuring/sample.ts';
import { measure, warmUp } from '../measuring/stopwatch.ts';
import { createBenchHost } from '../traffic/traffic.ts';

const { vms, ms, warmUpMs } = parametersOf({ vms: 8, ms: 300, warmUpMs: 300 });
const host = createBenchHost({ size: '64', vms });
const problems = new Set<string>();

type MakeRequest = (oid: number, outputLength: number) => OidRequest;

function ask(make: MakeRequest, oid: number, room: number): void {
  const request = make(oid, room);
  const status = host.adapter.userModeRequest(request);
  if (status !== NDIS_STATUS_SUCCESS) problems.add(`OID ${oid.toString(16)}: status ${status.toString(16)}`);
  if (request.bytesWritten === 0) problems.add(`OID ${oid.toString(16)} wrote nothing`);
}

function rate(work: () => void): Timing & { readonly perSecond: number } {
  let count = 0;
  const counted = (): void => {
    work();
    count++;
  };
  warmUp(counted, warmUpMs);
  count = 0;
  const time = measure(counted, ms);
  return { perSecond: (count * 1000) / time.wallMs, ...time };
}

const enumerations = rate(() => ask(queryRequest, OID_RECEIVE_FILTER_ENUM_QUEUES, 5000));
const statistics = rate(() => ask(queryStatisticsRequest, OID_GEN_STATISTICS, 256));
printSample({
  wallMs: enumerations.wallMs + statistics.wallMs,
  cpuMs: enumerations.cpuMs + statistics.cpuMs,
  controlNs: Math.max(enumerations.controlNs, statistics.controlNs),
  oidsPerSecond: statistics.perSecond,
  enumerationsPerSecond: enumerations.perSecond,
  problems: [...problems],
});
await host.stop();
