// All generated files of packages/abi, from the data alone: no dates, no versions, so a test can demand equality.
import { constantFiles, enumFile, nameFile } from './constants.ts';
import type { Abi } from './data.ts';
import { FAMILIES, familyOf, structFiles } from './struct-files.ts';
import { BANNER, pascal } from './text.ts';

/** File name to text for every generated file. Throws when two exports would share a name. */
export function generateAbi(abi: Abi): Map<string, string> {
  const taken = new Set<string>();
  for (const name of [
    ...Object.keys(abi.constants),
    ...Object.keys(abi.enums),
    ...Object.keys(abi.structs),
  ]) {
    if (taken.has(name)) throw new Error(`two exports named ${name}`);
    taken.add(name);
  }
  const files = new Map<string, string>([
    ...constantFiles(abi),
    ['constants/enums.ts', enumFile(abi)],
    ['tables/names.ts', nameFile(abi)],
    ...structFiles(abi),
  ]);
  const sorted = [...files.keys()].sort();
  const exported = (keep: (file: string) => boolean): string =>
    sorted
      .filter(keep)
      .map((f) => `export * from './${f.slice('constants/'.length)}';\n`)
      .join('');
  files.set(
    'constants/all.ts',
    `${BANNER}${exported((f) => f.startsWith('constants/') && f !== 'constants/enums.ts')}`,
  );
  // Layouts stay inside: a codec carries its own as `.layout`.
  const publicNames = Object.keys(abi.structs).map((name): [string, string] => [
    familyOf(name),
    `  ${name},\n  type ${pascal(name)},\n`,
  ]);
  const list = FAMILIES.map(([family]) => {
    const mine = publicNames.filter(([f]) => f === family).map(([, text]) => text);
    return `export {\n${mine.join('')}} from './${family}.ts';\n`;
  });
  files.set('structs/all.ts', `${BANNER}${list.join('')}`);
  return files;
}
