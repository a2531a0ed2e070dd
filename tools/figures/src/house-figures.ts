// The figures of the house, measured: `node tools/figures/dist/house-figures.js [--tree PATH] [--before PATH] [--places] [--json]`.
//
//   --tree PATH    the tree to measure; default: this one. It must be built (frames are sent through it)
//   --before PATH  another one beside it, as the column "before"
//   --places       also print the places that make up each figure of the tree
//   --json         one JSON object
//
// Each figure says what it counts; what nobody has found a way to count is not here.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { FrameFigures } from './frame-figures.ts';
import {
  copiedConstants,
  copyLoops,
  filesPerFolder,
  idleCasts,
  largest,
  longFunctions,
  manyParameters,
  orZeros,
  privateWords,
  tagPlaces,
} from './source-figures.ts';
import { packageSources, untypedTools } from './source-tree.ts';

interface Figure {
  readonly what: string;
  readonly value: number;
  readonly wanted: string;
  readonly places: readonly string[];
}

const { values } = parseArgs({
  options: {
    tree: { type: 'string', default: fileURLToPath(new URL('../../../', import.meta.url)) },
    before: { type: 'string' },
    places: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const count = (what: string, places: readonly string[], wanted = '0'): Figure => ({
  what,
  value: places.length,
  wanted,
  places,
});

/** What frames say, in a process of its own: two trees' modules do not meet. */
function frameFigures(tree: string): FrameFigures {
  const script = fileURLToPath(new URL('./frame-figures.js', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, tree], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(`frames through ${tree}: ${stderr}`);
  return JSON.parse(stdout) as FrameFigures;
}

function sourceFigures(tree: string): Figure[] {
  const files = packageSources(tree);
  const folders = filesPerFolder(files);
  const flat = largest(new Map([...folders].filter(([folder]) => /^packages\/[^/]+\/src$/.test(folder))));
  const fullest = largest(folders);
  const zeros = orZeros(files);
  const untyped = untypedTools(tree);
  const words = privateWords(files);
  return [
    { what: 'files flat in the largest src/', value: flat.files, wanted: '≤ 15', places: [flat.folder] },
    { what: 'files in the largest folder', value: fullest.files, wanted: '≤ 15', places: [fullest.folder] },
    count('functions over 70 lines', longFunctions(files)),
    count('functions with more than five parameters', manyParameters(files)),
    count('constants of modules that only copy an imported one', copiedConstants(files)),
    count('`a[i] as number`', idleCasts(files)),
    count('`| 0` without a measured line', zeros.unmeasured),
    count('`| 0` beside a measured line', zeros.measured, 'few'),
    count(
      'private words in names',
      [...words].map(([word, places]) => `${word}: ${places.length} names, ${places[0]}`),
    ),
    count('functions that know the EtherType of a tag', tagPlaces(files), 'few'),
    count('functions of the data path with a loop that copies bytes', copyLoops(files), 'few'),
    {
      what: 'lines of untyped tools',
      value: untyped.reduce((sum, { lines }) => sum + lines, 0),
      wanted: '0',
      places: untyped.map(({ path, lines }) => `${path} ${lines}`),
    },
  ];
}

function measure(tree: string): Figure[] {
  const { received, receivedAll, sent, leaving } = frameFigures(tree);
  return [
    count('files a received frame enters, to its guest (6.20)', received, '≤ 16'),
    count('files it enters until its memory is back', receivedAll, ''),
    count('files a sent frame enters', sent, ''),
    count('features that leave functions of the receive path aside', leaving),
    ...sourceFigures(tree),
  ];
}

const now = measure(resolve(values.tree));
const before = values.before === undefined ? null : measure(resolve(values.before));
if (values.json) console.log(JSON.stringify({ now, before }, null, 2));
else {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  console.log(row(['figure', ...(before === null ? [] : ['before']), 'now', 'wanted']));
  console.log(row(['-', ...(before === null ? [] : ['-:']), '-:', '-']));
  now.forEach(({ what, value, wanted, places }, i) => {
    console.log(row([what, ...(before === null ? [] : [String(before[i].value)]), String(value), wanted]));
    if (values.places) for (const place of places) console.log(`      ${place}`);
  });
}
