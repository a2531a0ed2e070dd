/**
 * The reading half of the codecs: walks a layout over a buffer.
 *
 * Nothing here throws for any bytes. Bounds are settled once per structure, before its members are
 * read: `chooseRevision` proves that the whole revision lies in the buffer, so member reads need no
 * check of their own. A counted string is the one member whose content can be refused.
 */

import {
  COUNTED_STRING_UNITS,
  type FieldLayout,
  type NdisVersion,
  newestRevision,
  type RevisionLayout,
  type StructLayout,
  type TrailingLayout,
  type UnionField,
} from './layout.ts';
import type { DecodeResult, Refusal, RefusalReason } from './result.ts';
import { unionMember } from './union-members.ts';

const ULONG_MAX = 0xffffffff;
const HEADER_SIZE = 4;

type Record_ = Record<string, unknown>;
type Step<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

/** Where a structure is looked for: in `room` bytes from `base` on. */
interface Place {
  readonly view: DataView;
  readonly base: number;
  readonly room: number;
  /** For refusals; '' at the top. */
  readonly path: string;
}

/** A structure found at `base`: which revision to read it as, and what its header claims. */
interface Placed {
  readonly base: number;
  readonly revision: RevisionLayout;
  /** `Header.Size`, or the structure's size when it has no header. */
  readonly headSize: number;
}

/** Reads the structure at the start of `bytes` as NDIS version `ndis` knows it. */
export function decodeStruct(
  layout: StructLayout,
  bytes: Uint8Array,
  ndis: NdisVersion,
): DecodeResult<unknown> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const placed = chooseRevision(layout, { view, base: 0, room: bytes.byteLength, path: '' }, ndis);
  if (!placed.ok) return placed;
  const head = readStruct(layout, view, placed.value, '');
  if (!head.ok) return head;
  const size = placed.value.revision.size;
  if (layout.trailing === undefined) return { ok: true, value: head.value, bytesRead: size };

  const value = head.value as Record_;
  const array = readTrailing(layout.trailing, view, placed.value, value, ndis);
  if (!array.ok) return array;
  value[layout.trailing.member] = array.value.elements;
  return { ok: true, value, bytesRead: Math.max(size, array.value.end) };
}

function refuse(
  reason: RefusalReason,
  field: string,
  expected: string,
  found: string,
  bytesNeeded?: number,
): { readonly ok: false; readonly refusal: Refusal } {
  const refusal: Refusal = { reason, field, expected, found };
  if (bytesNeeded === undefined) return { ok: false, refusal };
  return { ok: false, refusal: { ...refusal, bytesNeeded: Math.min(bytesNeeded, ULONG_MAX) } };
}

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

/**
 * Picks the revision to read at `base`, given `room` bytes from there on.
 *
 * A revision newer than any known is read as the newest one that fits `Header.Size`: later revisions
 * only append. (That also accepts drivers that store NDIS_SIZEOF_..._REVISION_n as the revision of a
 * filter info array, as its page tells them to.)
 */
function chooseRevision(
  layout: StructLayout,
  { view, base, room, path }: Place,
  ndis: NdisVersion,
): Step<Placed> {
  const newest = newestRevision(layout, ndis);
  if (newest === undefined) {
    return refuse(
      'bad-revision',
      path,
      `a structure that NDIS ${(ndis / 100).toFixed(2)} knows`,
      layout.name,
    );
  }
  const smallest = layout.revisions[0];
  if (!layout.hasHeader) {
    if (room < newest.size) return short(newest.size, room, path);
    return { ok: true, value: { base, revision: newest, headSize: newest.size } };
  }

  const header = join(path, 'Header');
  if (room < HEADER_SIZE) return short(smallest.size, room, path);
  const type = view.getUint8(base);
  const number = view.getUint8(base + 1);
  const headSize = view.getUint16(base + 2, true);
  const stated = layout.revisions.find((r) => r.revision === number && r.minNdis <= ndis);
  // Too short for any revision: say so before judging a header that may be unfilled.
  if (room < smallest.size) return short(stated?.size ?? smallest.size, room, path);
  if (layout.headerType !== undefined && type !== layout.headerType) {
    return refuse('bad-header', `${header}.Type`, hex(layout.headerType), hex(type));
  }
  if (number === 0) {
    return refuse('bad-revision', `${header}.Revision`, `1 to ${newest.revision}`, '0');
  }
  const revision =
    stated ?? layout.revisions.filter((r) => r.minNdis <= ndis && r.size <= headSize).at(-1) ?? smallest;
  if (headSize < revision.size) {
    return refuse('bad-header', `${header}.Size`, `at least ${revision.size}`, `${headSize}`);
  }
  if (room < headSize) return short(headSize, room, path);
  return { ok: true, value: { base, revision, headSize } };
}

function short(needed: number, room: number, path: string): Step<never> {
  return refuse('short', path, `at least ${needed} bytes`, `${room} bytes`, needed);
}

const hex = (value: number): string => `0x${value.toString(16).toUpperCase()}`;

function readStruct(layout: StructLayout, view: DataView, placed: Placed, path: string): Step<unknown> {
  const { base, revision } = placed;
  if (layout.name === 'IF_COUNTED_STRING') return readString(view, base, path);
  const value: Record_ = {};
  const within = { layout, view, base, siblings: value, path };
  for (const field of layout.fields) {
    if (field.revision > revision.revision) continue;
    const member = readMember(field, within);
    if (!member.ok) return member;
    if (field.name === '') Object.assign(value, member.value);
    else value[field.name] = member.value;
  }
  return { ok: true, value };
}

/** The structure whose members are being read, and those that have been: a union's member depends on them. */
interface Within {
  readonly layout: StructLayout;
  readonly view: DataView;
  readonly base: number;
  readonly siblings: Record_;
  readonly path: string;
}

function readMember(field: FieldLayout, within: Within): Step<unknown> {
  const { view, base, path } = within;
  switch (field.kind) {
    case 'string':
      return readString(view, base + field.offset, join(path, field.name));
    case 'struct': {
      const placed = {
        base: base + field.offset,
        revision: field.layout.revisions[0],
        headSize: field.size,
      };
      return readStruct(field.layout, view, placed, join(path, field.name));
    }
    case 'group': {
      const value: Record_ = {};
      const group = { ...within, siblings: value, path: join(path, field.name) };
      for (const inner of field.fields) {
        const member = readMember(inner, group);
        if (!member.ok) return member;
        value[inner.name] = member.value;
      }
      return { ok: true, value };
    }
    case 'union':
      return readUnion(field, within);
    default:
      return { ok: true, value: readPlain(field, view, base, true) };
  }
}

function readUnion(field: UnionField, within: Within): Step<unknown> {
  const { layout, view, base, siblings, path } = within;
  const name = unionMember(layout.name, field.name, siblings);
  const chosen = field.fields.find((f) => f.name === name) ?? field.fields[0]!;
  if (field.networkOrder) return { ok: true, value: { [chosen.name]: readPlain(chosen, view, base, false) } };
  const member = readMember(chosen, { ...within, siblings: {}, path: join(path, field.name) });
  return member.ok ? { ok: true, value: { [chosen.name]: member.value } } : member;
}

/** Reads a member that cannot be refused. */
function readPlain(field: FieldLayout, view: DataView, base: number, little: boolean): unknown {
  const at = base + field.offset;
  switch (field.kind) {
    case 'u8':
      return view.getUint8(at);
    case 'u16':
      return view.getUint16(at, little);
    case 'u32':
      return view.getUint32(at, little);
    case 'i32':
      return view.getInt32(at, little);
    case 'u64':
      return view.getBigUint64(at, little);
    case 'bits':
      return (view.getUint32(at, true) >>> field.lsb) & (2 ** field.width - 1);
    case 'bytes':
      // A copy: the value must not change when the buffer is reused.
      return new Uint8Array(view.buffer, view.byteOffset + at, field.size).slice();
    case 'array': {
      const step = field.size / field.count;
      return Array.from({ length: field.count }, (_, i) =>
        field.element === 'u64'
          ? view.getBigUint64(at + i * step, little)
          : view.getUint16(at + i * step, little),
      );
    }
    default:
      throw new TypeError(`${field.name}: kind ${field.kind} is not plain`);
  }
}

/** Lone surrogates pass through: a counted string is UTF-16 code units, not text that must be valid. */
function readString(view: DataView, at: number, path: string): Step<string> {
  const length = view.getUint16(at, true);
  if (length % 2 !== 0 || length > COUNTED_STRING_UNITS * 2) {
    const expected = `an even number of bytes up to ${COUNTED_STRING_UNITS * 2}`;
    return refuse('bad-string', join(path, 'Length'), expected, `${length}`);
  }
  let text = '';
  for (let i = 0; i < length; i += 2) text += String.fromCharCode(view.getUint16(at + 2 + i, true));
  return { ok: true, value: text };
}

/** Reads the elements after a head. Geometry is judged before length: no length cures bad geometry. */
function readTrailing(
  trailing: TrailingLayout,
  view: DataView,
  head: Placed,
  value: Record_,
  ndis: NdisVersion,
): Step<{ readonly elements: readonly unknown[]; readonly end: number }> {
  const { element, countField, offsetField, strideField } = trailing;
  const count = value[countField] as number;
  if (count === 0) return { ok: true, value: { elements: [], end: 0 } };
  const offset = offsetField === undefined ? (trailing.fixedOffset ?? 0) : (value[offsetField] as number);
  const stride = strideField === undefined ? element.size : (value[strideField] as number);
  if (offsetField !== undefined && offset < head.headSize) {
    return refuse('bad-offset', offsetField, `at least ${head.headSize}, past the head`, `${offset}`);
  }
  const smallest = element.revisions[0].size;
  if (strideField !== undefined && stride < smallest) {
    return refuse('bad-stride', strideField, `at least ${smallest}, one ${element.name}`, `${stride}`);
  }
  const end = offset + count * stride;
  if (end > view.byteLength) {
    return refuse('short', trailing.member, `at least ${end} bytes`, `${view.byteLength} bytes`, end);
  }

  const elements: unknown[] = [];
  for (let i = 0; i < count; i++) {
    const path = `${trailing.member}[${i}]`;
    const place = { view, base: offset + i * stride, room: stride, path };
    const placed = chooseRevision(element, place, ndis);
    if (!placed.ok) return asElementRefusal(placed.refusal, strideField ?? trailing.member, stride);
    const read = readStruct(element, view, placed.value, path);
    if (!read.ok) return read;
    elements.push(read.value);
  }
  return { ok: true, value: { elements, end } };
}

/** An element that does not fit its stride is bad geometry, not a short buffer. */
function asElementRefusal(refusal: Refusal, strideField: string, stride: number): Step<never> {
  if (refusal.reason !== 'short') return { ok: false, refusal };
  return refuse(
    'bad-stride',
    strideField,
    `at least ${refusal.bytesNeeded} for ${refusal.field}`,
    `${stride}`,
  );
}
