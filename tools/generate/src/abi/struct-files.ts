// Structures by family: a file each.
import type { Abi } from './data.ts';
import { type BuiltStruct, buildStruct, type LayoutField } from './layout.ts';
import { tsInterface, tsLayout } from './struct-text.ts';
import { BANNER, pascal } from './text.ts';

/** Which file a structure lives in: the first pattern that fits its name. */
export const FAMILIES: readonly (readonly [string, RegExp])[] = [
  ['receive-filter', /^NDIS_RECEIVE_FILTER_/],
  ['receive-queue', /^NDIS_(WMI_)?RECEIVE_QUEUE_/],
  ['nic-switch', /^NDIS_(NIC_SWITCH|SRIOV)_/],
  ['shared-memory', /SHARED_MEMORY|SCATTER_GATHER/],
  ['net-buffer-list', /^NDIS_NET_BUFFER_LIST_/],
  ['receive-scale', /^NDIS_(RSS|RECEIVE_SCALE|RECEIVE_HASH)_/],
  ['offload', /OFFLOAD/],
  ['request', /^NDIS_(OID_REQUEST|STATUS_INDICATION)$/],
  ['adapter', /^NDIS_(LINK|OPER|STATISTICS|INTERRUPT|PORT)_/],
  ['base', /./],
];

export function familyOf(name: string): string {
  const family = FAMILIES.find(([, pattern]) => pattern.test(name));
  if (family === undefined) throw new Error(`${name}: no family`);
  return family[0];
}

/** Structures that must stand before `s`. */
function needsOf(s: BuiltStruct): string[] {
  const found = new Set<string>();
  const walk = (fields: readonly LayoutField[]): void => {
    for (const f of fields) {
      if (f.layout !== undefined) found.add(f.layout);
      if (f.fields !== undefined) walk(f.fields);
    }
  };
  walk(s.fields);
  if (s.trailing !== undefined) found.add(s.trailing.element);
  return [...found];
}

/** A layout constant must be initialised before one that names it: dependencies first, else the data's order. */
function inOrder(structs: ReadonlyMap<string, BuiltStruct>): BuiltStruct[] {
  const ordered = new Set<BuiltStruct>();
  const visit = (name: string): void => {
    const s = structs.get(name);
    if (s === undefined || ordered.has(s)) return;
    for (const need of needsOf(s)) visit(need);
    ordered.add(s);
  };
  for (const name of structs.keys()) visit(name);
  return [...ordered];
}

/** One file for each family, by its name. */
export function structFiles(abi: Abi): Map<string, string> {
  const structs = new Map(Object.keys(abi.structs).map((name) => [name, buildStruct(abi, name)]));
  const ordered = inOrder(structs);
  const files = new Map<string, string>();
  for (const [family] of FAMILIES) {
    const mine = ordered.filter(({ name }) => familyOf(name) === family);
    files.set(`structs/${family}.ts`, familyFile(family, mine));
  }
  return files;
}

function familyFile(family: string, mine: readonly BuiltStruct[]): string {
  const imports = new Map<string, Set<string>>();
  for (const need of mine.flatMap(needsOf)) {
    const from = familyOf(need);
    if (from === family) continue;
    const names = imports.get(from) ?? new Set<string>();
    imports.set(from, names);
    names.add(need);
  }
  let text = `${BANNER}// Structures of the family '${family}': value type, layout, codec.\n\n`;
  text +=
    "import { type StructCodec, structCodec } from '../../codec/codec.ts';\nimport type { StructLayout } from '../../codec/layout.ts';\n";
  for (const [from, names] of [...imports].sort()) {
    const list = [...names].sort().flatMap((n) => [`${n}_LAYOUT`, `type ${pascal(n)}`]);
    text += `import { ${list.join(', ')} } from './${from}.ts';\n`;
  }
  for (const s of mine) {
    const { name } = s;
    text += `\n${tsInterface(s)}\n${tsLayout(s)}\n`;
    text += `/** Codec of {@link ${pascal(name)}}. */\n`;
    text += `export const ${name}: StructCodec<${pascal(name)}> = /* @__PURE__ */ structCodec<${pascal(name)}>(${name}_LAYOUT);\n`;
  }
  return text;
}
