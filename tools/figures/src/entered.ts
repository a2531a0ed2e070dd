// The files that a frame enters, of any built tree.
//
//   node tools/figures/dist/entered.js [--tree PATH] [--profile 6.20|6.30] [--sent] [--order] [--json]
import { parseArgs } from 'node:util';
import { enteredByTurn, inAll, upToPackage } from './entered-files.ts';
import { entryOrder } from './entry-order.ts';
import { bringUp, loadTree, receivedFrame, sentFrame } from './frame-host.ts';

const { values } = parseArgs({
  options: {
    tree: { type: 'string', default: new URL('../../../', import.meta.url).pathname },
    profile: { type: 'string', default: '6.20' },
    sent: { type: 'boolean', default: false },
    order: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const host = bringUp(await loadTree(values.tree), {
  ndisVersion: values.profile === '6.30' ? '6.30' : '6.20',
});
const turns = enteredByTurn(values.sent ? sentFrame(host) : receivedFrame(host));
const way = values.sent ? inAll(turns) : inAll(upToPackage(turns, 'guest'));
const all = inAll(turns);
const order = values.order ? await entryOrder(values.sent ? sentFrame(host) : receivedFrame(host)) : null;
await host.stop();
if (values.json) console.log(JSON.stringify({ way, all, order }));
else if (order !== null) for (const file of order) console.log(file);
else {
  turns.forEach((files, turn) => {
    console.log(`turn ${turn + 1}`);
    for (const { file, functions } of files) console.log(`  ${file.padEnd(52)} ${functions.join(' ')}`);
  });
  const what = values.sent ? 'a sent frame' : 'a received frame, to its guest,';
  console.log(`${what} enters ${way.length} files; with what comes behind, ${all.length}`);
}
