// The lists of files in docs/architecture.md: each between two marks, in the order of first entry, the files of one package
// that follow each other behind its name.
//
//   <!-- walk:sent -->  ``` guest: port/frame-port, …; netvsc: guest/guest-channel, … ```  <!-- /walk -->

/** Letters of a line of a list. */
const WIDTH = 118;
const SOURCE = /^packages\/([^/]+)\/src\/(.+)\.ts$/;

/** Where the list of a walk stands; 1: what is between its marks. */
function blockOf(name: string): RegExp {
  return new RegExp(`(?<=<!-- walk:${name} -->\n)(.*?)(?=<!-- /walk -->)`, 's');
}

/** The files that the page names for a walk, as `packages/nic/src/receive/receive-unit.ts`; throws if it has no list for it. */
export function filesOnPage(page: string, name: string): string[] {
  const found = blockOf(name).exec(page);
  if (found === null)
    throw new Error(`the page has no list between <!-- walk:${name} --> and <!-- /walk -->`);
  const list = found[1].replace(/^```.*$/gm, '').replace(/\s+/g, ' ');
  return list.split(';').flatMap((run) => {
    const [pack, files = ''] = run.split(':');
    return files
      .split(',')
      .map((file) => file.trim())
      .filter((file) => file !== '')
      .map((file) => `packages/${pack.trim()}/src/${file}.ts`);
  });
}

/** The page with `files` as the list of a walk. */
export function withFiles(page: string, name: string, files: readonly string[]): string {
  const list = `\`\`\`text\n${listOf(files)}\n\`\`\`\n`;
  if (!blockOf(name).test(page)) throw new Error(`the page has no place for the list of '${name}'`);
  return page.replace(blockOf(name), () => list);
}

function listOf(files: readonly string[]): string {
  const words: string[] = [];
  let last = '';
  for (const path of files) {
    const [, pack, file] = SOURCE.exec(path) ?? [];
    if (pack === undefined) throw new Error(`${path} is no source file of a package`);
    if (words.length > 0) words[words.length - 1] += pack === last ? ',' : ';';
    // A package's name stays with its first file.
    words.push(pack === last ? file : `${pack}: ${file}`);
    last = pack;
  }
  return wrap(words).join('\n');
}

function wrap(words: readonly string[]): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (line !== '' && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}
