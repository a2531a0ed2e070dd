// Two hosts in two processes at once, each as in receive.ts: what this machine's second core is worth at best, since
// nothing is shared but caches and memory.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Figure, printSample, type Sample } from '../measuring/sample.ts';

const RECEIVE = fileURLToPath(new URL('./receive.js', import.meta.url));

function run(): Promise<Sample> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [RECEIVE, process.argv[2] ?? '{}'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
    child.on('close', (status) => {
      if (status === 0) resolve(JSON.parse(text) as Sample);
      else reject(new Error(`ended with ${status}`));
    });
  });
}

const both = await Promise.all([run(), run()]);
const sum = (figure: Figure): number => both.reduce((total, sample) => total + (sample[figure] ?? 0), 0);
printSample({
  frames: sum('frames'),
  mpps: sum('mpps'),
  wallMs: sum('wallMs'),
  cpuMs: sum('cpuMs'),
  controlNs: Math.max(...both.map(({ controlNs }) => controlNs ?? 0)),
  problems: both.flatMap(({ problems }) => problems),
});
