// `pnpm bench [--json] [--only NAME] [--rounds N] [--ms N]`: the receive path beside the C yardstick.
// Each case runs in a fresh process, rounds alternate with the yardstick, and medians are printed; every figure is
// also given as a fraction of C's `data` mode, which is the ceiling for any program (see docs/performance.md).
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== '--'),
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    ms: { type: 'string', default: '500' },
  },
});
const here = import.meta.dirname;
const scratch = mkdtempSync(join(tmpdir(), 'vmq-bench-'));
const rounds = Number(values.rounds);

/** The yardstick's binary, or null where there is no C compiler. */
function compileYardstick() {
  const binary = join(scratch, 'yardstick');
  for (const compiler of ['cc', 'gcc', 'clang']) {
    const flags = ['-O3', '-march=native', '-DBUF=2112', join(here, 'yardstick.c'), '-o', binary];
    if (spawnSync(compiler, flags, { stdio: 'ignore' }).status === 0 && existsSync(binary)) return binary;
  }
  return null;
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const spread = (list) => (Math.max(...list) - Math.min(...list)) / median(list);

const yardstick = compileYardstick();
const cases = [
  { name: 'receive-64', size: '64', vms: '8', vmq: 'on' },
  { name: 'receive-512', size: '512', vms: '8', vmq: 'on' },
  { name: 'receive-1514', size: '1514', vms: '8', vmq: 'on' },
  { name: 'receive-imix', size: 'imix', vms: '8', vmq: 'on' },
  { name: 'vmq-off-64', size: '64', vms: '8', vmq: 'off' },
].filter(({ name }) => !values.only || name.includes(values.only));

const results = {};
for (const { name, size, vms, vmq } of cases) {
  const ours = [];
  const c = [];
  const problems = [];
  for (let round = 0; round < rounds; round++) {
    const text = execFileSync(process.execPath, [join(here, 'receive.mjs'), size, vms, values.ms, vmq], {
      encoding: 'utf8',
    });
    const result = JSON.parse(text);
    problems.push(...result.problems);
    ours.push(result.mpps);
    if (yardstick !== null) {
      const line = execFileSync(yardstick, [size, vms, 'data', '64', '256', values.ms], { encoding: 'utf8' });
      c.push(JSON.parse(line).mpps);
    }
  }
  const mpps = median(ours);
  const ceiling = c.length > 0 ? median(c) : null;
  results[name] = {
    mpps,
    nsPerFrame: 1000 / mpps,
    spread: spread(ours),
    cMpps: ceiling,
    ofC: ceiling === null ? null : mpps / ceiling,
    problems: [...new Set(problems)],
  };
  if (!values.json) {
    const { nsPerFrame, spread: noise, cMpps, ofC } = results[name];
    const beside = cMpps === null ? '(no C compiler)' : `C ${cMpps.toFixed(2)} Mpps, ${ofC.toFixed(3)} of C`;
    console.log(
      `${name.padEnd(14)} ${mpps.toFixed(2).padStart(7)} Mpps ${nsPerFrame.toFixed(1).padStart(7)} ns/frame  ±${(noise * 50).toFixed(0)}%  ${beside}` +
        (problems.length > 0 ? `  WRONG: ${problems.join('; ')}` : ''),
    );
  }
}
rmSync(scratch, { recursive: true, force: true });
if (values.json) {
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  console.log(JSON.stringify({ machine, rounds, results }, null, 2));
}
if (Object.values(results).some(({ problems }) => problems.length > 0)) process.exitCode = 1;
