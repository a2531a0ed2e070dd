// The tables of docs/performance.md.
import type { CaseResult, LayerCosts } from '../cases/case-result.ts';
import { GOALS, judge } from './goals.ts';
import { type BySize, type ShapedResults, SIZES, type Size, type VmqResults } from './result-shape.ts';

const NOTHING = '–';
const fixed = (value: number | null | undefined, digits: number): string =>
  value === undefined || value === null ? NOTHING : value.toFixed(digits);
const pair = (a: number | undefined, b: number | undefined, digits: number): string =>
  a === undefined ? NOTHING : `${fixed(a, digits)} / ${fixed(b, digits)}`;
const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [row(head), row(head.map((_, i) => (i === 0 ? '-' : '-:'))), ...rows.map(row)].join('\n');

export function machineLine({ machine, rounds, ms }: ShapedResults): string {
  const { cpu, cores, memoryGiB, os, node, compiler } = machine;
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${os}, Node ${node}, ${compiler ?? 'no C compiler'}; ${rounds} rounds of ${ms} ms.`;
}

export function goalTable(shaped: ShapedResults): string {
  const rows = GOALS.map((goal) => {
    const { value, met } = judge(goal, shaped);
    const { what, least, most, aim, digits, plain } = goal;
    const bound =
      least !== undefined ? `≥ ${least}` : most === null || most === undefined ? NOTHING : `≤ ${most}`;
    return [
      what,
      fixed(value, digits),
      bound,
      aim ?? NOTHING,
      plain === undefined ? '' : fixed(plain(shaped), digits),
      value === undefined ? 'not measured' : met ? 'yes' : '**no**',
    ];
  });
  return table(['what', 'measured', 'asked for', 'aim', 'plain loop', 'met'], rows);
}

type NamedCase = readonly [name: string, result: CaseResult | undefined];

export function throughputTable(shaped: ShapedResults): string {
  const title = (size: Size): string => (size === 'imix' ? 'IMIX' : `${size} B`);
  const of = (group: BySize<CaseResult> | undefined, what: string): NamedCase[] =>
    SIZES.map((size): NamedCase => [`${what}, ${title(size)}`, group?.[size]]);
  const cases: readonly NamedCase[] = [
    ...of(shaped.receive, 'receive, 8 VMs'),
    ['receive, 16 VMs, 64 B', shaped.receive16Vms],
    ['receive, 64 VMs, 64 B', shaped.receive64Vms],
    ['one 64 B frame per interrupt', shaped.oneFramePerInterrupt],
    ...of(shaped.receive630, 'receive 6.30, 8 VMs'),
    ['receive 6.30, 64 VMs, 64 B', shaped.receive630With64Vms],
    ['6.30, one 64 B frame per interrupt', shaped.oneFramePerInterrupt630],
    ['transmit, 8 VMs, 64 B', shaped.transmit?.['64']],
    ['transmit, 8 VMs, 1514 B', shaped.transmit?.['1514']],
    ['VM to VM, 64 B', shaped.vmToVm?.['64']],
    ['VM to VM, 1514 B', shaped.vmToVm?.['1514']],
  ];
  return table(
    ['case', 'Mpps', 'ns per frame', 'of C', 'C Mpps', 'spread', 'disturbed'],
    cases.flatMap(([name, result]) => (result?.mpps === undefined ? [] : [throughputRow(name, result)])),
  );
}

function throughputRow(name: string, result: CaseResult): string[] {
  const { mpps, nsPerFrame, ofC, cMpps, spread = 0, disturbed, rounds, countsDisturbed = false } = result;
  const all = rounds + (countsDisturbed ? 0 : disturbed);
  return [
    name,
    fixed(mpps, 2),
    fixed(nsPerFrame, 1),
    fixed(ofC, 3),
    fixed(cMpps, 1),
    `${fixed(spread * 100, 0)} %`,
    disturbed === 0 ? '' : `${disturbed} of ${all}${countsDisturbed ? ', counted' : ''}`,
  ];
}

const SIDES = {
  device: 'the NIC: classify, copy, completion',
  host: "the host's processor: DPC, NBLs, NDIS, switch, delivery",
  guest: 'the VMs: their driver and its sink',
  executor: 'who is next, the loop around it',
};

export function layerTable(layers: BySize<LayerCosts> | undefined): string {
  if (layers === undefined) return '';
  const sizes = SIZES.filter((size) => layers[size] !== undefined);
  const costs = (size: Size): LayerCosts => layers[size] ?? { nsPerFrame: 0, sides: {}, layers: {} };
  const rows: string[][] = [['**all**', ...sizes.map((size) => `**${fixed(costs(size).nsPerFrame, 1)}**`)]];
  for (const [side, meaning] of Object.entries(SIDES)) {
    rows.push([
      `**${side}**: ${meaning}`,
      ...sizes.map((size) => `**${fixed(costs(size).sides[side] ?? 0, 1)}**`),
    ]);
    const keys = new Set(sizes.flatMap((size) => Object.keys(costs(size).layers)));
    const inSide = [...keys].filter((key) => key.startsWith(`${side}/`));
    const most = (key: string): number => Math.max(...sizes.map((size) => costs(size).layers[key] ?? 0));
    for (const key of inSide.filter((one) => most(one) >= 0.1).sort((a, b) => most(b) - most(a)))
      rows.push([
        `\`${key.slice(side.length + 1)}\``,
        ...sizes.map((size) => fixed(costs(size).layers[key] ?? 0, 1)),
      ]);
  }
  return table(['layer', ...sizes.map((size) => `${size} B`)], rows);
}

/** The case of a size whose name begins so, of one profile. */
function detailOf(vmq: VmqResults, prefix: string, size: string): CaseResult | undefined {
  const found = Object.entries(vmq.details ?? {}).find(
    ([name]) => name.startsWith(prefix) && name.endsWith(`-${size}`),
  );
  return found?.[1];
}

export function vmqTable(title: string, vmq: VmqResults | undefined): string {
  if (vmq === undefined) return '';
  const sizes = ['64', '512', '1514'];
  const line = (
    name: string,
    prefix: 'vmq-cpu' | 'vmq-threads',
    digits: number,
    pick: (result: CaseResult) => number | undefined,
  ): string[] => {
    const cells = sizes.map((size) => {
      const result = detailOf(vmq, prefix, size);
      return fixed(result === undefined ? undefined : pick(result), digits);
    });
    return [name, ...cells];
  };
  const rows = [
    line('host CPU per frame, VMQ off, ns', 'vmq-cpu', 1, ({ off }) => off?.sides['host']),
    line('host CPU per frame, VMQ on, ns', 'vmq-cpu', 1, ({ on }) => on?.sides['host']),
    line('**off over on**', 'vmq-cpu', 2, ({ hostCpu }) => hostCpu),
    line('all of it in one thread, VMQ off, ns', 'vmq-cpu', 1, ({ off }) => off?.nsPerFrame),
    line('all of it in one thread, VMQ on, ns', 'vmq-cpu', 1, ({ on }) => on?.nsPerFrame),
    line('device on the other core, VMQ off, Mpps', 'vmq-threads', 2, ({ offMpps }) => offMpps),
    line('device on the other core, VMQ on, Mpps', 'vmq-threads', 2, ({ onMpps }) => onMpps),
    line('**on over off**', 'vmq-threads', 2, ({ onOverOff }) => onOverOff),
  ];
  return `${title}.\n\n${table(['', ...sizes.map((size) => `${size} B`)], rows)}`;
}

export function restTable(shaped: ShapedResults): string {
  const { burst, wireToVm, garbage, churn, twoProcessors, oids, memory } = shaped;
  const MiB = (bytes: number | undefined): number | undefined =>
    bytes === undefined ? undefined : bytes / 2 ** 20;
  const rows = [
    ['64-frame burst to reposted buffers, p50 / p99', pair(burst?.p50us, burst?.p99us, 2), 'µs'],
    ['a fixed loop beside it, p50 / p99', pair(burst?.controlP50us, burst?.controlP99us, 2), 'µs'],
    ['wire to VM, spinning, 1 Mpps, p50 / p90', pair(wireToVm?.p50us, wireToVm?.p90us, 1), 'µs'],
    [
      'one word to a spinning thread, p50 / p90',
      pair(wireToVm?.controlP50us, wireToVm?.controlP90us, 1),
      'µs',
    ],
    ['wire to VM, asleep, p50 / p90', pair(wireToVm?.asleep?.p50us, wireToVm?.asleep?.p90us, 1), 'µs'],
    ['wire to VM, asleep for 3 ms, p50', fixed(wireToVm?.asleep?.longP50us, 1), 'µs'],
    [
      'one word to a thread asleep, p50 / p90',
      pair(wireToVm?.asleep?.controlP50us, wireToVm?.asleep?.controlP90us, 1),
      'µs',
    ],
    ['two processors', fixed(twoProcessors?.mpps, 2), 'Mpps'],
    ['two hosts that share nothing, over one', fixed(twoProcessors?.twoHosts?.scaling, 2), '×'],
    ['scavenges per 100 M frames', fixed(shaped.scavengesPer100MFrames, 1), ''],
    ['growth of the heap over a run', fixed((garbage?.heapGrowthBytes ?? Number.NaN) / 1024, 0), 'KiB'],
    ['after churn, of a fresh process', fixed(churn?.ofFresh, 3), ''],
    ['queue freed and allocated', fixed(churn?.queueCyclesPerSecond, 0), 'per second'],
    ['filter moved to another address', fixed(churn?.filterChangesPerSecond, 0), 'per second'],
    ['start-up of a host with 64 VMs', fixed(shaped.startUp64VmsMs, 0), 'ms'],
    ['OIDs to the miniport (OID_GEN_STATISTICS)', fixed(shaped.oidsPerSecond, 0), 'per second'],
    ["OIDs out of NDIS's books (ENUM_QUEUES, 9 queues)", fixed(oids?.enumerationsPerSecond, 0), 'per second'],
    ['resident memory, 8 VMs', fixed(MiB(memory?.with8Vms?.rssBytes), 0), 'MiB'],
    ['resident memory, 64 VMs', fixed(MiB(memory?.with64Vms?.rssBytes), 0), 'MiB'],
    ["of it the machine's own memory, 64 VMs", fixed(MiB(memory?.with64Vms?.sharedBytes), 0), 'MiB'],
  ];
  return table(
    ['what', 'measured', ''],
    rows.filter(([, value]) => !value.startsWith(NOTHING)),
  );
}
