// The data's structures, turned into what the codec engine of packages/abi reads.
import type { Abi, AbiField, AbiStruct } from './data.ts';
import { ndisNumber } from './text.ts';

export interface LayoutField {
  /** Empty for an anonymous union. */
  readonly name: string;
  readonly kind: string;
  readonly offset: number;
  readonly size: number;
  readonly revision: number;
  readonly type: string;
  readonly note: string | undefined;
  readonly enumName: string | undefined;
  readonly lsb?: number;
  readonly width?: number;
  readonly element?: string;
  readonly count?: number;
  /** The structure's name, of one inside another. */
  readonly layout?: string;
  readonly networkOrder?: boolean;
  /** Of a group or a union. */
  readonly fields?: readonly LayoutField[];
}

interface Revision {
  readonly revision: number;
  readonly size: number;
  readonly minNdis: number;
}

/** The array that follows a structure. */
interface Trailing {
  readonly member: string;
  readonly element: string;
  /** As the layout names its parts. */
  readonly names: Readonly<Record<string, string | number>>;
}

export interface BuiltStruct {
  readonly name: string;
  readonly struct: AbiStruct;
  readonly fields: readonly LayoutField[];
  readonly revisions: readonly Revision[];
  readonly trailing: Trailing | undefined;
  readonly hasHeader: boolean;
}

/** Unions whose multi-byte members are in network byte order (ABI trap: VLAN 100 is 00 64 in memory). */
const NETWORK_ORDER_UNIONS = new Set([
  'NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.FieldValue',
  'NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.ResultValue',
]);

/** Follows typedef aliases to the structure's own name; undefined when the type is declared in place. */
function namedStruct(abi: Abi, type: string): string | undefined {
  const alias = abi.typedefs[type]?.aliasOf ?? type;
  return alias in abi.structs ? alias : undefined;
}

/** The data file's fields turned into the engine's layout fields (see packages/abi/src/codec/layout.ts). */
function layoutFields(
  abi: Abi,
  structName: string,
  fields: readonly AbiField[],
  inheritedRevision: number,
): LayoutField[] {
  const out: LayoutField[] = [];
  for (const f of fields) {
    const revision = f.revision ?? inheritedRevision;
    const at = { name: f.anonymous ? '' : f.name, offset: f.offset, size: f.size, revision };
    const extra = { type: f.type, note: f.note, enumName: f.kind === 'enum32' ? f.type : undefined };
    const inner = (): LayoutField[] => layoutFields(abi, structName, f.members ?? [], revision);
    const structOf = namedStruct(abi, f.type);
    if (f.bits) out.push({ ...at, ...extra, kind: 'bits', lsb: f.bits.lsb, width: f.bits.width });
    else if (f.type === 'NDIS_STATUS') out.push({ ...at, ...extra, kind: 'u32' });
    else if (['u8', 'u16', 'u32', 'u64'].includes(f.kind)) out.push({ ...at, ...extra, kind: f.kind });
    else if (f.kind === 'ptr64') out.push({ ...at, ...extra, kind: 'u64' });
    else if (f.kind === 'enum32') out.push({ ...at, ...extra, kind: 'i32' });
    else if (f.kind === 'array' && f.count === 0)
      continue; // flexible array: becomes `trailing`
    else if (f.kind === 'array' && f.elementKind === 'u8') out.push({ ...at, ...extra, kind: 'bytes' });
    else if (f.kind === 'array') {
      const element = f.elementKind === 'ptr64' ? 'u64' : (f.elementKind ?? '');
      out.push({ ...at, ...extra, kind: 'array', element, count: f.count ?? 0 });
    } else if (f.kind === 'struct' && structOf === 'IF_COUNTED_STRING') {
      out.push({ ...at, ...extra, kind: 'string' });
    } else if (f.kind === 'struct' && structOf !== undefined) {
      out.push({ ...at, ...extra, kind: 'struct', layout: structOf });
    } else if (f.kind === 'struct' && f.anonymous) out.push(...inner());
    else if (f.kind === 'struct') out.push({ ...at, ...extra, kind: 'group', fields: inner() });
    else if (f.kind === 'union' && f.members) {
      const networkOrder = NETWORK_ORDER_UNIONS.has(`${structName}.${f.name}`);
      out.push({ ...at, ...extra, kind: 'union', networkOrder, fields: inner() });
    } else if (f.kind === 'union' && f.type === 'PHYSICAL_ADDRESS')
      out.push({ ...at, ...extra, kind: 'u64' });
    else throw new Error(`${structName}.${f.name}: no rule for kind ${f.kind}, type ${f.type}`);
  }
  return out;
}

function revisionsOf(abi: Abi, struct: AbiStruct, fields: readonly LayoutField[]): Revision[] {
  if (struct.revisions) {
    return Object.entries(struct.revisions).map(([revision, r]) => ({
      revision: Number(revision),
      size: r.size,
      minNdis: ndisNumber(abi.constants[r.revisionConstant]?.minNdis ?? struct.minNdis),
    }));
  }
  // NDIS_OID_REQUEST: a header, but no size macro in the data. It ends with its last member.
  const last = fields.at(-1);
  const size = last !== undefined && fields[0]?.name === 'Header' ? last.offset + last.size : struct.size;
  return [{ revision: 1, size, minNdis: ndisNumber(struct.minNdis) }];
}

/** Everything that is written of a structure. */
export function buildStruct(abi: Abi, name: string): BuiltStruct {
  const struct = abi.structs[name];
  const all = layoutFields(abi, name, struct.fields, 1);
  const revisions = revisionsOf(abi, struct, all);
  // A member outside the newest revision's size is never on the wire (NDIS_RSS_PROCESSOR.Reserved).
  const newest = revisions.at(-1)?.size ?? 0;
  const fields = all.filter((f) => f.offset + f.size <= newest);
  let trailing: Trailing | undefined;
  const flexible = struct.fields.find((f) => f.kind === 'array' && f.count === 0);
  if (struct.trailingArray) {
    const { element, countField, offsetField, strideField } = struct.trailingArray;
    trailing = {
      member: 'elements',
      element,
      names: { member: 'elements', countField, offsetField, strideField },
    };
  } else if (flexible) {
    const member = flexible.name;
    const names = { member, countField: 'NumberOfElements', fixedOffset: flexible.offset };
    trailing = { member, element: flexible.elementType ?? '', names };
  }
  return { name, struct, fields, revisions, trailing, hasHeader: fields[0]?.name === 'Header' };
}
