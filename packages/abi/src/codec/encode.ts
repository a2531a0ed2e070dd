/**
 * The writing half of the codecs. What it is given comes from our own program, so a value that does
 * not fit its member is a programmer's mistake and throws a RangeError that names the member.
 */

import { NDIS_OBJECT_TYPE_DEFAULT } from '../generated/constants/all.ts';
import {
  alignUp,
  COUNTED_STRING_UNITS,
  type FieldLayout,
  type NdisVersion,
  newestRevision,
  type RevisionLayout,
  type StructLayout,
  strideOf,
  type TrailingLayout,
  type UnionField,
} from './layout.ts';
import type { EncodeOptions } from './options.ts';

type Input = Readonly<Record<string, unknown>>;

const LIMITS = {
  u8: [0, 0xff],
  u16: [0, 0xffff],
  u32: [0, 0xffffffff],
  i32: [-0x80000000, 0x7fffffff],
} as const;
const U64_MAX = 0xffffffffffffffffn;

/** Where everything goes, settled before the first byte is written. */
interface Plan {
  readonly revision: RevisionLayout;
  readonly array: ArrayPlan | undefined;
  readonly length: number;
}

/** Where a structure, or a member of it, goes. */
interface Place {
  readonly view: DataView;
  /** Byte offset of the structure. */
  readonly base: number;
  /** For error messages. */
  readonly path: string;
}

interface ArrayPlan {
  readonly trailing: TrailingLayout;
  readonly elements: readonly Input[];
  readonly offset: number;
  readonly stride: number;
  /** The head's members that describe the array. */
  readonly members: Readonly<Record<string, number>>;
  revisionOf(element: Input, path: string): RevisionLayout;
}

/** Writes `value` as `layout`; see StructCodec.encode. */
export function encodeStruct(layout: StructLayout, value: unknown, options: EncodeOptions): Uint8Array {
  const plan = planStruct(layout, value, options);
  const target = options.into ?? new Uint8Array(plan.length);
  if (target.byteLength < plan.length) {
    fail(layout.name, `needs ${plan.length} bytes`, `into has ${target.byteLength}`);
  }
  const bytes = target.subarray(0, plan.length).fill(0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  writeStruct(layout, value, plan.revision, { view, base: 0, path: layout.name }, plan.array);
  if (plan.array !== undefined) writeElements(plan.array, view, layout.name);
  return bytes;
}

/** Bytes that `encodeStruct` would write. */
export function encodedLength(layout: StructLayout, value: unknown, options: EncodeOptions): number {
  return planStruct(layout, value, options).length;
}

function fail(path: string, expected: string, found: string): never {
  throw new RangeError(`${path}: ${expected}, but ${found}`);
}

function asInput(value: unknown, path: string): Input {
  if (typeof value !== 'object' || value === null) fail(path, 'takes an object', `got ${typeof value}`);
  return value as Input;
}

// ---------------------------------------------------------------------------------------- planning

function planStruct(layout: StructLayout, value: unknown, options: EncodeOptions): Plan {
  const most = options.ndis ?? 630;
  const revision = pickRevision(layout, value, layout.name, { asked: options.revision, ndis: most, most });
  const newest = layout.revisions.at(-1)!;
  // An older head goes with older elements: both later revisions came with NDIS 6.30.
  const ndis = options.ndis ?? (revision.revision < newest.revision ? 620 : 630);
  if (layout.trailing === undefined) return { revision, array: undefined, length: revision.size };
  const { element } = layout.trailing;
  const revisionOf = (value: Input, path: string): RevisionLayout =>
    pickRevision(element, value, path, { asked: undefined, ndis, most });
  const array = planArray(layout, layout.trailing, asInput(value, layout.name), revision, revisionOf);
  const end = array.elements.length === 0 ? 0 : array.offset + array.elements.length * array.stride;
  return { revision, array, length: Math.max(revision.size, end) };
}

/** The revision that is asked for; else the one that the header states, up to what NDIS `most` knows; else `ndis`' own. */
function pickRevision(
  layout: StructLayout,
  value: unknown,
  path: string,
  { asked, ndis, most }: { asked: number | undefined; ndis: NdisVersion; most: NdisVersion },
): RevisionLayout {
  const header = layout.hasHeader ? (asInput(value, path)['Header'] as Input | undefined) : undefined;
  const stated = asked ?? (header?.['Revision'] as number | undefined);
  const known = asked === undefined ? layout.revisions.filter((r) => r.minNdis <= most) : layout.revisions;
  const newest = layout.revisions.at(-1)!;
  const newestKnown = known.at(-1);
  let found: RevisionLayout | undefined;
  if (stated === undefined) found = newestRevision(layout, ndis);
  else found = known.find((r) => r.revision === stated);
  if (
    found === undefined &&
    asked === undefined &&
    newestKnown !== undefined &&
    (stated ?? 0) > newestKnown.revision
  ) {
    // Decoded from a revision later than this NDIS knows: write the part of it that was read.
    const size = (header?.['Size'] as number | undefined) ?? newestKnown.size;
    found = known.filter((r) => r.size <= size).at(-1);
  }
  if (found !== undefined) return found;
  return fail(
    path,
    `has revisions 1 to ${newest.revision}`,
    `asked for ${stated ?? `NDIS ${(ndis / 100).toFixed(2)}`}`,
  );
}

function planArray(
  layout: StructLayout,
  trailing: TrailingLayout,
  value: Input,
  revision: RevisionLayout,
  revisionOf: ArrayPlan['revisionOf'],
): ArrayPlan {
  const { element, member, countField, offsetField, strideField } = trailing;
  const elements = (value[member] ?? []) as readonly Input[];
  const given = (field: string | undefined): number =>
    field === undefined ? 0 : ((value[field] as number | undefined) ?? 0);
  const count = (value[countField] as number | undefined) ?? elements.length;
  if (count !== elements.length) {
    fail(`${layout.name}.${countField}`, `must be ${elements.length}, as ${member} has`, `it is ${count}`);
  }
  const headEnd = revision.size;
  let offset = trailing.fixedOffset ?? given(offsetField);
  let stride = strideField === undefined ? element.size : given(strideField);
  if (count > 0) {
    // A C compiler would put the array at the first aligned place and sizeof apart.
    if (offset === 0) offset = alignUp(headEnd, element.alignment);
    if (stride === 0)
      stride = Math.max(...elements.map((e) => strideOf(element, revisionOf(e, element.name))));
    if (offset < headEnd)
      fail(`${layout.name}.${offsetField}`, `must be at least ${headEnd}`, `it is ${offset}`);
  }
  const members: Record<string, number> = { [countField]: count };
  if (offsetField !== undefined) members[offsetField] = offset;
  if (strideField !== undefined) members[strideField] = stride;
  return { trailing, elements, offset, stride, members, revisionOf };
}

// ----------------------------------------------------------------------------------------- writing

function writeElements(array: ArrayPlan, view: DataView, path: string): void {
  const { element, member, strideField } = array.trailing;
  array.elements.forEach((value, i) => {
    const at = `${path}.${member}[${i}]`;
    const revision = array.revisionOf(value, at);
    if (revision.size > array.stride) {
      fail(`${path}.${strideField}`, `must be at least ${revision.size} for ${at}`, `it is ${array.stride}`);
    }
    writeStruct(
      element,
      value,
      revision,
      { view, base: array.offset + i * array.stride, path: at },
      undefined,
    );
  });
}

function writeStruct(
  layout: StructLayout,
  value: unknown,
  revision: RevisionLayout,
  place: Place,
  array: ArrayPlan | undefined,
): void {
  const { view, base, path } = place;
  if (layout.name === 'IF_COUNTED_STRING') {
    writeString(value, view, base, path);
    return;
  }
  const input = asInput(value, path);
  refuseUnknown(input, layout.fields, path, layout.trailing?.member);
  for (const field of layout.fields) {
    if (field.kind === 'union') {
      writeUnion(field, field.name === '' ? input : input[field.name], place);
      continue;
    }
    if (layout.hasHeader && field.name === 'Header') {
      writeHeader(layout, revision, input, place);
      continue;
    }
    const member = array?.members[field.name] ?? input[field.name];
    if (field.revision > revision.revision) refuseLater(field, member, revision, path);
    else writeMember(field, member, { view, base, path: `${path}.${field.name}` }, true);
  }
}

function writeHeader(
  layout: StructLayout,
  revision: RevisionLayout,
  input: Input,
  { view, base, path }: Place,
): void {
  const given = (input['Header'] as Input | undefined)?.['Type'] as number | undefined;
  const type = layout.headerType ?? given ?? NDIS_OBJECT_TYPE_DEFAULT;
  if (given !== undefined && given !== 0 && given !== type) {
    fail(`${path}.Header.Type`, `must be ${type}`, `it is ${given}`);
  }
  view.setUint8(base, checked(type, 'u8', `${path}.Header.Type`));
  view.setUint8(base + 1, revision.revision);
  view.setUint16(base + 2, revision.size, true);
}

/** Silently dropping a member that the asked revision lacks would lose data; zero loses nothing. */
function refuseLater(field: FieldLayout, value: unknown, revision: RevisionLayout, path: string): void {
  if (value === undefined || value === 0 || value === 0n) return;
  if (field.kind === 'struct' && Object.values(value as Input).every((v) => v === 0)) return;
  fail(
    `${path}.${field.name}`,
    `exists from revision ${field.revision} on`,
    `revision ${revision.revision} is written`,
  );
}

/** A misspelt member would otherwise be a silent zero. */
function refuseUnknown(
  input: Input,
  fields: readonly FieldLayout[],
  path: string,
  extra: string | undefined,
): void {
  const known = fields.flatMap((f) => (f.kind === 'union' && f.name === '' ? f.fields : [f]));
  for (const key of Object.keys(input)) {
    if (key !== extra && !known.some((f) => f.name === key))
      fail(`${path}.${key}`, 'is no member', 'was given');
  }
}

function writeUnion(field: UnionField, value: unknown, { view, base, path }: Place): void {
  if (value === undefined) return;
  const at = field.name === '' ? path : `${path}.${field.name}`;
  const chosen = Object.entries(asInput(value, at)).filter(([, v]) => v !== undefined);
  if (chosen.length === 0) return;
  if (chosen.length > 1) fail(at, 'takes one member', `got ${chosen.map(([k]) => k).join(' and ')}`);
  const [name, content] = chosen[0]!;
  const member = field.fields.find((f) => f.name === name);
  if (member === undefined) fail(`${at}.${name}`, 'is no member', 'was given');
  writeMember(member, content, { view, base, path: `${at}.${name}` }, !field.networkOrder);
}

function writeMember(field: FieldLayout, value: unknown, place: Place, little: boolean): void {
  if (value === undefined) return; // the buffer is zero already
  switch (field.kind) {
    case 'string':
      writeString(value, place.view, place.base + field.offset, place.path);
      return;
    case 'struct': {
      const inner = { ...place, base: place.base + field.offset };
      writeStruct(field.layout, value, field.layout.revisions[0], inner, undefined);
      return;
    }
    case 'group':
      writeGroup(field.fields, value, place, little);
      return;
    case 'union':
      writeUnion(field, value, place);
      return;
    default:
      writePlain(field, value, place, little);
  }
}

function writeGroup(fields: readonly FieldLayout[], value: unknown, place: Place, little: boolean): void {
  const { path } = place;
  const input = asInput(value, path);
  refuseUnknown(input, fields, path, undefined);
  for (const inner of fields) {
    if (inner.kind === 'union') writeUnion(inner, input[inner.name], place);
    else writeMember(inner, input[inner.name], { ...place, path: `${path}.${inner.name}` }, little);
  }
}

/** A member without members of its own. */
function writePlain(field: FieldLayout, value: unknown, { view, base, path }: Place, little: boolean): void {
  const at = base + field.offset;
  switch (field.kind) {
    case 'u8':
      view.setUint8(at, checked(value, 'u8', path));
      return;
    case 'u16':
      view.setUint16(at, checked(value, 'u16', path), little);
      return;
    case 'u32':
      view.setUint32(at, checked(value, 'u32', path), little);
      return;
    case 'i32':
      view.setInt32(at, checked(value, 'i32', path), little);
      return;
    case 'u64':
      view.setBigUint64(at, checkedWide(value, path), little);
      return;
    case 'bits': {
      const max = 2 ** field.width - 1;
      if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max)
        fail(path, `takes 0 to ${max}`, `got ${String(value)}`);
      view.setUint32(at, view.getUint32(at, true) | (value << field.lsb), true);
      return;
    }
    case 'bytes':
      if (!(value instanceof Uint8Array)) fail(path, 'takes a Uint8Array', `got ${typeof value}`);
      if (value.length > field.size) fail(path, `takes up to ${field.size} bytes`, `got ${value.length}`);
      new Uint8Array(view.buffer, view.byteOffset + at, field.size).set(value);
      return;
    case 'array':
      if (!Array.isArray(value) || value.length > field.count) {
        const found = `got ${Array.isArray(value) ? value.length : typeof value}`;
        fail(path, `takes an array of up to ${field.count}`, found);
      }
      value.forEach((item: unknown, i: number) => {
        const slot = at + i * (field.size / field.count);
        if (field.element === 'u64') view.setBigUint64(slot, checkedWide(item, `${path}[${i}]`), little);
        else view.setUint16(slot, checked(item, 'u16', `${path}[${i}]`), little);
      });
  }
}

function writeString(value: unknown, view: DataView, at: number, path: string): void {
  if (typeof value !== 'string') fail(path, 'takes a string', `got ${typeof value}`);
  if (value.length > COUNTED_STRING_UNITS) {
    fail(path, `takes up to ${COUNTED_STRING_UNITS} UTF-16 code units`, `got ${value.length}`);
  }
  view.setUint16(at, value.length * 2, true);
  for (let i = 0; i < value.length; i++) view.setUint16(at + 2 + i * 2, value.charCodeAt(i), true);
}

function checked(value: unknown, kind: keyof typeof LIMITS, path: string): number {
  const [min, max] = LIMITS[kind];
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    fail(path, `takes an integer from ${min} to ${max}`, `got ${String(value)}`);
  }
  return value;
}

function checkedWide(value: unknown, path: string): bigint {
  if (typeof value !== 'bigint' || value < 0n || value > U64_MAX) {
    fail(path, 'takes a bigint from 0 to 2^64-1', `got ${String(value)} (${typeof value})`);
  }
  return value;
}
