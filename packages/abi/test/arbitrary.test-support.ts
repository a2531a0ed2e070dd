import fc from 'fast-check';
import type { FieldLayout, RevisionLayout, StructLayout } from '../src/codec/layout.ts';
import { unionMember } from '../src/codec/union-members.ts';

/** Random values of layouts, for the property tests. */

type Value = Record<string, unknown>;

/** A UTF-16 string of any code units, lone surrogates too. */
const codeUnits = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 257 })
  .map((units) => String.fromCharCode(...units));

function member(layout: StructLayout, field: FieldLayout): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case 'u8':
    case 'u16':
    case 'u32':
      return fc.integer({ min: 0, max: 2 ** (8 * field.size) - 1 });
    case 'i32':
      return fc.oneof(fc.integer({ min: 0, max: 6 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));
    case 'u64':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case 'bits':
      return fc.integer({ min: 0, max: 2 ** field.width - 1 });
    case 'string':
      return codeUnits;
    case 'bytes':
      return fc.uint8Array({ minLength: field.size, maxLength: field.size });
    case 'array': {
      const item: fc.Arbitrary<unknown> =
        field.element === 'u64'
          ? fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
          : fc.integer({ min: 0, max: 0xffff });
      return fc.array(item, { minLength: field.count, maxLength: field.count });
    }
    case 'struct':
      return members(field.layout, field.layout.fields);
    case 'group':
      return members(layout, field.fields);
    case 'union':
      return members(layout, field.fields);
  }
}

/** All members; a union holds every member at first, then only the one its rule names. */
function members(layout: StructLayout, fields: readonly FieldLayout[]): fc.Arbitrary<unknown> {
  const all = Object.fromEntries(fields.map((f) => [f.name, member(layout, f)]));
  return fc.record(all).map((value) => {
    const resolved: Value = { ...value };
    for (const field of fields) {
      if (field.kind !== 'union') continue;
      const every = value[field.name] as Value;
      const name = unionMember(layout.name, field.name, resolved) ?? field.fields[0]!.name;
      delete resolved[field.name];
      if (field.name === '') Object.assign(resolved, { [name]: every[name] });
      else resolved[field.name] = { [name]: every[name] };
    }
    return resolved;
  });
}

/** The fixed part of a structure as a revision has it, header included. */
export function structValue(layout: StructLayout, revision: RevisionLayout): fc.Arbitrary<Value> {
  const fields = layout.fields.filter((f) => f.revision <= revision.revision);
  if (!layout.hasHeader) return members(layout, fields) as fc.Arbitrary<Value>;
  const Header = { Type: layout.headerType ?? 0x80, Revision: revision.revision, Size: revision.size };
  return members(layout, fields).map((value) => ({ ...(value as Value), Header }));
}

/** A whole value: for structures with an array, head and elements with a consistent geometry. */
export function wholeValue(layout: StructLayout): fc.Arbitrary<Value> {
  if (layout.name === 'IF_COUNTED_STRING') return codeUnits as fc.Arbitrary<unknown> as fc.Arbitrary<Value>;
  const anyOf = (of: StructLayout) => fc.constantFrom(...of.revisions).chain((r) => structValue(of, r));
  const { trailing } = layout;
  if (trailing === undefined) return anyOf(layout);
  return fc
    .tuple(anyOf(layout), fc.array(anyOf(trailing.element), { maxLength: 3 }), fc.nat(40), fc.nat(24))
    .map(([head, elements, gap, slack]) => {
      const value: Value = { ...head, [trailing.member]: elements, [trailing.countField]: elements.length };
      const used = elements.length > 0;
      if (trailing.offsetField !== undefined) value[trailing.offsetField] = used ? layout.size + gap : 0;
      if (trailing.strideField !== undefined)
        value[trailing.strideField] = used ? trailing.element.size + slack : 0;
      return value;
    });
}
