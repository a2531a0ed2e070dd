// Instructions that a frame costs, by function: a count, which is the same on a busy machine as on a quiet one.
//
//   node tools/bench/dist/instructions.js [--size 64] [--vms 8] [--offered 1024] [--profile 6.20] [--vmq off] [--top 30] [--json]
//
// Needs valgrind; takes some seconds. An instruction is not a time: loads that miss the cache and stores that wait for
// others cost more than the rest.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type FunctionCost, instructionsPerFrame } from './measuring/instruction-count.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '64' },
    vms: { type: 'string', default: '8' },
    offered: { type: 'string', default: '1024' },
    profile: { type: 'string', default: '6.20' },
    vmq: { type: 'string', default: 'on' },
    top: { type: 'string', default: '30' },
    json: { type: 'boolean', default: false },
  },
});

function report(costs: readonly FunctionCost[]): void {
  const total = costs.reduce((sum, { instructions }) => sum + instructions, 0);
  const packages = new Map<string, number>();
  for (const { name, instructions } of costs) {
    const owner = /^([\w-]+)\//.exec(name)?.[1] ?? 'engine';
    packages.set(owner, (packages.get(owner) ?? 0) + instructions);
  }
  const owners = [...packages].sort((x, y) => y[1] - x[1]).filter(([, n]) => Math.round(n) > 0);
  const functions = costs.slice(0, Number(values.top)).filter(({ instructions }) => instructions >= 1);
  if (values.json) {
    console.log(JSON.stringify({ ...values, total, packages: Object.fromEntries(owners), functions }));
    return;
  }
  const line = (name: string, n: number): void => console.log(`${n.toFixed(0).padStart(7)}  ${name}`);
  line(
    `instructions a frame: ${values.size} B, ${values.vms} VMs, profile ${values.profile}, VMQ ${values.vmq}`,
    total,
  );
  for (const [name, n] of owners) line(name, n);
  console.log();
  for (const { name, instructions } of functions) line(name, instructions);
}

const parameters = {
  size: values.size,
  vms: Number(values.vms),
  ndisVersion: values.profile,
  vmq: values.vmq !== 'off',
};
const count = fileURLToPath(new URL('./workloads/count.js', import.meta.url));
report(await instructionsPerFrame(count, parameters, Number(values.offered)));
