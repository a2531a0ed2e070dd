// What frames say of a built tree, as JSON: `node tools/figures/dist/frame-figures.js PATH`; house-figures.ts shows it.
import { type EnteredFile, enteredByTurn, inAll, upToPackage } from './entered-files.ts';
import { bringUp, type FrameOptions, loadTree, receivedFrame, sentFrame } from './frame-host.ts';

export interface FrameFigures {
  /** Files that a received frame enters on its way to the guest, and until its memory is back at the device. */
  readonly received: readonly string[];
  readonly receivedAll: readonly string[];
  readonly sent: readonly string[];
  /** Features with which a frame leaves functions of the plain receive path of NIC or switch aside. */
  readonly leaving: readonly string[];
}

const FEATURES: Readonly<Record<string, FrameOptions>> = {
  trace: { trace: true },
  'a priority tag': { priorityTag: true },
  'a counting extension': { extension: true, ndisVersion: '6.30' },
  'checksum validation': { checksum: true },
  'NVGRE (frames that are none)': { nvgre: true },
};

const tree = await loadTree(process.argv[2] ?? '.');

/** The files that a received frame enters, by turn. */
async function receive(options: FrameOptions): Promise<EnteredFile[][]> {
  const host = bringUp(tree, options);
  const turns = enteredByTurn(receivedFrame(host, options));
  await host.stop();
  return turns;
}

async function send(): Promise<EnteredFile[][]> {
  const host = bringUp(tree, {});
  const turns = enteredByTurn(sentFrame(host));
  await host.stop();
  return turns;
}

const names = (files: readonly EnteredFile[]): string[] => files.map(({ file }) => file).sort();
/** Functions of NIC and switch, where a frame is received. */
const receiveFunctions = (turns: readonly EnteredFile[][]): Set<string> =>
  new Set(
    inAll(upToPackage(turns, 'guest'))
      .filter(({ file }) => /^packages\/(nic|vswitch)\//.test(file))
      .flatMap(({ file, functions }) => functions.map((name) => `${file} ${name}`)),
  );

const plain = await receive({});
const plain630 = await receive({ ndisVersion: '6.30' });
const leaving: string[] = [];
for (const [feature, options] of Object.entries(FEATURES)) {
  const others = receiveFunctions(await receive(options));
  const own = receiveFunctions(options.ndisVersion === '6.30' ? plain630 : plain);
  const missing = [...own].filter((name) => !others.has(name));
  if (missing.length > 0) leaving.push(`${feature}: without ${missing.join(', ')}`);
}
const figures: FrameFigures = {
  received: names(inAll(upToPackage(plain, 'guest'))),
  receivedAll: names(inAll(plain)),
  sent: names(inAll(await send())),
  leaving,
};
console.log(JSON.stringify(figures));
