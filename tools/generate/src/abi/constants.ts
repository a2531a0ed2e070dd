// Constants, enumerations and the tables that give their names.
import type { Abi, AbiConstant } from './data.ts';
import { BANNER, doc, kebab, ndisNumber, quote, sentence } from './text.ts';

/** Which of several names for one value the reverse look-up gives. Everything else has one name. */
const PREFERRED_NAMES = new Set(['NDIS_STATUS_INCOMPATIBLE_QOS', 'NDIS_STATUS_MEDIA_SPECIFIC_INDICATION']);

/** One file for each group, by its name. */
export function constantFiles(abi: Abi): Map<string, string> {
  const groups = new Map<string, [string, AbiConstant][]>();
  for (const [name, c] of Object.entries(abi.constants)) {
    const group = groups.get(c.group) ?? [];
    groups.set(c.group, group);
    group.push([name, c]);
  }
  const files = new Map<string, string>();
  for (const [group, entries] of groups) {
    let text = `${BANNER}// Constants of the group '${group}'. Statuses are unsigned 32-bit numbers.\n\n`;
    for (const [name, c] of entries) {
      const wide = BigInt(c.value) > 0xffffffffn;
      const notes = [c.note && sentence(c.note), c.minNdis === '6.30' && 'NDIS 6.30 and later.'].filter(
        Boolean,
      );
      text += doc([notes.join(' ')]);
      text += `export const ${name} = ${c.hex}${wide ? 'n' : ''};\n`;
    }
    files.set(`constants/${kebab(group)}.ts`, text);
  }
  return files;
}

export function enumFile(abi: Abi): string {
  let text = `${BANNER}// Enumerations: a frozen-by-type object of the header's members, and the union of their values.\n`;
  for (const [name, members] of Object.entries(abi.enums)) {
    const meta = abi.enumMeta[name] ?? {};
    text += `\n${doc([meta.note && sentence(meta.note), meta.minNdis === '6.30' && 'NDIS 6.30 and later.'])}`;
    text += `export const ${name} = {\n`;
    for (const [member, value] of Object.entries(members)) text += `  ${member}: ${value},\n`;
    text += `} as const;\nexport type ${name} = (typeof ${name})[keyof typeof ${name}];\n`;
  }
  return text;
}

/** The tables behind statusName, oidName and oidUse. */
export function nameFile(abi: Abi): string {
  const table = (title: string, prefix: string): string => {
    const byValue = new Map<number, [string, string]>();
    for (const [name, c] of Object.entries(abi.constants)) {
      if (!name.startsWith(prefix) || name.startsWith('NDIS_STATUS_INDICATION_FLAGS_')) continue;
      if (!byValue.has(Number(c.value)) || PREFERRED_NAMES.has(name))
        byValue.set(Number(c.value), [name, c.hex]);
    }
    const rows = [...byValue]
      .sort((a, b) => a[0] - b[0])
      .map(([, [name, hex]]) => `  [${hex}, ${quote(name)}],\n`);
    return `\n/** Pairs of value and name, ascending. */\nexport const ${title}: readonly (readonly [number, string])[] = [\n${rows.join('')}];\n`;
  };
  let text = `${BANNER}// Tables behind statusName, oidName and oidUse.\n\nimport type { OidUse } from '../../codec/oid-use.ts';\n`;
  text += table('STATUS_NAMES', 'NDIS_STATUS_') + table('OID_NAMES', 'OID_');
  text +=
    '\n/** How the receive-filter and NIC-switch OIDs are used: request kinds and the structures they carry. */\n';
  text += 'export const OID_USES: readonly OidUse[] = [\n';
  for (const [name, o] of Object.entries(abi.oids)) {
    const requests = o.requests.map(quote).join(', ');
    const side = (s: string | null): string => (s === null ? 'null' : quote(s));
    text += `  { name: ${quote(name)}, value: ${o.hex}, requests: [${requests}], in: ${side(o.in)}, out: ${side(o.out)}, minNdis: ${ndisNumber(o.minNdis)} },\n`;
  }
  return `${text}];\n`;
}
