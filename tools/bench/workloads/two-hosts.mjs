// Two hosts in two processes at once, each as in receive.mjs: what this machine's second core is worth at best, since
// nothing is shared but caches and memory.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const run = () =>
  new Promise((resolve, reject) => {
    const file = join(import.meta.dirname, 'receive.mjs');
    const child = spawn(process.execPath, [file, process.argv[2] ?? '{}'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (more) => {
      text += more;
    });
    child.on('close', (status) =>
      status === 0 ? resolve(JSON.parse(text)) : reject(new Error(`ended with ${status}`)),
    );
  });
const both = await Promise.all([run(), run()]);
const sum = (figure) => both.reduce((total, sample) => total + sample[figure], 0);
console.log(
  JSON.stringify({
    frames: sum('frames'),
    mpps: sum('mpps'),
    wallMs: sum('wallMs'),
    cpuMs: sum('cpuMs'),
    controlNs: Math.max(...both.map(({ controlNs }) => controlNs)),
    problems: both.flatMap(({ problems }) => problems),
  }),
);
