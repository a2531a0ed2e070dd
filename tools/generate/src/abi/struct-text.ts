// What is written of one structure.
import type { BuiltStruct, LayoutField } from './layout.ts';
import { doc, pascal, quote, sentence } from './text.ts';

const tsScalar: Readonly<Record<string, string>> = {
  u8: 'number',
  u16: 'number',
  u32: 'number',
  i32: 'number',
  bits: 'number',
  u64: 'bigint',
  string: 'string',
  bytes: 'Uint8Array',
};

function tsType(field: LayoutField, indent: string): string {
  const { fields = [] } = field;
  const scalar = tsScalar[field.kind];
  if (scalar !== undefined) return scalar;
  if (field.kind === 'array') return `readonly ${tsScalar[field.element ?? '']}[]`;
  if (field.kind === 'struct') return pascal(field.layout ?? '');
  if (field.kind === 'group') return `{\n${tsMembers(fields, `${indent}  `)}${indent}}`;
  if (field.kind === 'union')
    return fields.map((m) => `\n${indent}  | { readonly ${m.name}: ${tsType(m, `${indent}  `)} }`).join('');
  throw new Error(`no TypeScript type for ${field.kind}`);
}

function fieldNotes(field: LayoutField): string {
  const notes: string[] = [];
  if (field.enumName) notes.push(`{@link ${field.enumName}}.`);
  if (field.type === 'NDIS_STATUS') notes.push('An NDIS_STATUS, as an unsigned number.');
  if (field.networkOrder)
    notes.push('Network byte order in memory; numbers here are host numbers (VLAN 100 is 100).');
  if (field.note && !field.networkOrder && field.type !== 'NDIS_STATUS') notes.push(sentence(field.note));
  if (field.revision > 1) notes.push(`From revision ${field.revision} on.`);
  return notes.join(' ');
}

function tsMembers(fields: readonly LayoutField[], indent: string): string {
  return fields
    .map(
      (f) =>
        `${doc([fieldNotes(f)], indent)}${indent}readonly ${f.name}${f.revision > 1 ? '?' : ''}: ${tsType(f, indent)};\n`,
    )
    .join('');
}

/** The type of a decoded value. */
export function tsInterface(s: BuiltStruct): string {
  const name = pascal(s.name);
  const about = doc([`Decoded ${s.name}.`, s.struct.note && sentence(s.struct.note)]);
  if (s.name === 'IF_COUNTED_STRING') return `${about}export type ${name} = string;\n`;
  const [first] = s.fields;
  if (first !== undefined && s.fields.some((f) => f.name === '')) {
    // Only slots that are one anonymous union: the value is the one-key object itself.
    if (s.fields.length !== 1) throw new Error(`${s.name}: an anonymous union beside other members`);
    return `${about}export type ${name} =${tsType(first, '')};\n`;
  }
  let body = tsMembers(s.fields, '  ');
  if (s.trailing) {
    const note = `The array of ${s.trailing.element} that follows.`;
    body += `${doc([note], '  ')}  readonly ${s.trailing.member}: readonly ${pascal(s.trailing.element)}[];\n`;
  }
  return `${about}export interface ${name} {\n${body}}\n`;
}

function layoutField(f: LayoutField): string {
  const parts = [
    `name: ${quote(f.name)}`,
    `kind: ${quote(f.kind)}`,
    `offset: ${f.offset}`,
    `size: ${f.size}`,
    `revision: ${f.revision}`,
  ];
  if (f.kind === 'bits') parts.push(`lsb: ${f.lsb}`, `width: ${f.width}`);
  if (f.kind === 'array') parts.push(`element: ${quote(f.element ?? '')}`, `count: ${f.count}`);
  if (f.kind === 'struct') parts.push(`layout: ${f.layout}_LAYOUT`);
  if (f.kind === 'i32' && f.enumName) parts.push(`enumName: ${quote(f.enumName)}`);
  if (f.kind === 'union') parts.push(`networkOrder: ${f.networkOrder}`);
  if (f.fields)
    return `{ ${parts.join(', ')}, fields: [\n${f.fields.map((m) => `      ${layoutField(m)},\n`).join('')}    ] }`;
  return `{ ${parts.join(', ')} }`;
}

/** The constant that describes its bytes. */
export function tsLayout(s: BuiltStruct): string {
  let text = `export const ${s.name}_LAYOUT: StructLayout = {\n  name: ${quote(s.name)},\n`;
  text += `  size: ${s.struct.size},\n  alignment: ${s.struct.alignment},\n  hasHeader: ${s.hasHeader},\n`;
  if (s.struct.headerType)
    text += `  headerType: 0x${s.struct.headerType.value.toString(16).toUpperCase()},\n`;
  text += `  revisions: [\n${s.revisions.map((r) => `    { revision: ${r.revision}, size: ${r.size}, minNdis: ${r.minNdis} },\n`).join('')}  ],\n`;
  text += `  fields: [\n${s.fields.map((f) => `    ${layoutField(f)},\n`).join('')}  ],\n`;
  if (s.trailing) {
    const { element, names } = s.trailing;
    const parts = Object.entries(names).map(([k, v]) => `${k}: ${typeof v === 'number' ? v : quote(v)}`);
    text += `  trailing: { ${parts.join(', ')}, element: ${element}_LAYOUT },\n`;
  }
  return `${text}};\n`;
}
