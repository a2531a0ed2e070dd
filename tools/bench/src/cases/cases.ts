// Every case of the benchmark.
import type { BenchCase } from './case-result.ts';
import { churnCase, figuresCase, garbageCase, profileCase } from './other-cases.ts';
import { receiveCase, sendCase, twoProcessorsCase, vmqThreadsCase } from './throughput-cases.ts';

const SIZES = ['64', '512', '1514', 'imix'];
const PERCENTILES = [
  'p50us',
  'p90us',
  'p99us',
  'inTime',
  'longP50us',
  'controlP50us',
  'controlP90us',
] as const;
const STARTUP = ['wallMs', 'cpuMs', 'rssBytes', 'heapBytes', 'sharedBytes'] as const;
const BURST = ['p50us', 'p90us', 'p99us', 'controlP50us', 'controlP99us', 'untilRest'] as const;
const PROFILE_630 = { ndisVersion: '6.30' };

const sizeTitle = (size: string): string => (size === 'imix' ? 'IMIX' : `${size} B`);

const receiveCases: readonly BenchCase[] = [
  ...SIZES.map((size) =>
    receiveCase(`receive-${size}`, `receive, ${sizeTitle(size)}, 8 VMs`, { size, plain: true }),
  ),
  receiveCase('receive-16vms', 'receive, 64 B, 16 VMs', { vms: 16 }),
  receiveCase('receive-64vms', 'receive, 64 B, 64 VMs', { vms: 64, plain: true }),
  receiveCase('one-frame-per-interrupt', 'one 64 B frame per interrupt', { offered: 1 }),
  ...SIZES.map((size) =>
    receiveCase(`receive630-${size}`, `receive, ${sizeTitle(size)}, 8 VMs, profile 6.30`, {
      size,
      ...PROFILE_630,
    }),
  ),
  receiveCase('receive630-64vms', 'receive, 64 B, 64 VMs, profile 6.30', { vms: 64, ...PROFILE_630 }),
  receiveCase('one-frame-per-interrupt630', 'one 64 B frame per interrupt, profile 6.30', {
    offered: 1,
    ...PROFILE_630,
  }),
];

const vmqCases: readonly BenchCase[] = [
  ...['64', '512', '1514'].map((size) =>
    profileCase(`vmq-cpu-${size}`, `VMQ on and off, cost of a frame, ${size} B`, { size }),
  ),
  ...['64', '512', '1514'].map((size) =>
    profileCase(`vmq-cpu630-${size}`, `VMQ on and off, cost of a frame, ${size} B, 6.30`, {
      size,
      ...PROFILE_630,
    }),
  ),
  ...['64', '512'].map((size) =>
    vmqThreadsCase(`vmq-threads-${size}`, `VMQ on and off, device on the other core, ${size} B`, { size }),
  ),
  ...['64', '512'].map((size) =>
    vmqThreadsCase(`vmq-threads630-${size}`, `VMQ on and off, device on the other core, ${size} B, 6.30`, {
      size,
      ...PROFILE_630,
    }),
  ),
];

const wireToVmCase = (mode: 'spinning' | 'asleep'): BenchCase =>
  figuresCase(`wire-to-vm-${mode}`, `wire to VM across threads, ${mode}`, {
    workload: 'wire-to-vm',
    figures: PERCENTILES,
    parameters: { mode },
    threads: 2,
    measures: false,
  });

export const CASES: readonly BenchCase[] = [
  ...receiveCases,
  ...vmqCases,
  twoProcessorsCase,
  sendCase('transmit-64', 'transmit, 64 B, 8 VMs', { to: 'wire', size: '64' }),
  sendCase('transmit-1514', 'transmit, 1514 B, 8 VMs', { to: 'wire', size: '1514' }),
  sendCase('vm-to-vm-64', 'VM to VM, 64 B, 8 VMs', { to: 'vm', size: '64' }),
  sendCase('vm-to-vm-1514', 'VM to VM, 1514 B, 8 VMs', { to: 'vm', size: '1514' }),
  figuresCase('burst', '64-frame burst, one core', { workload: 'burst', figures: BURST }),
  wireToVmCase('spinning'),
  wireToVmCase('asleep'),
  churnCase,
  garbageCase,
  figuresCase('start-up', 'start-up of a host with 64 VMs', {
    workload: 'start-up',
    figures: STARTUP,
    parameters: { vms: 64 },
    measures: false,
  }),
  figuresCase('oids', 'OID requests', {
    workload: 'oids',
    figures: ['oidsPerSecond', 'enumerationsPerSecond'],
  }),
];
