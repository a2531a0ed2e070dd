/**
 * Layout tables: what the C compiler would know about a structure, as data.
 *
 * Offsets are bytes from the start of the *named* structure, also for members of unions and of
 * structures declared in place. Sizes are bytes. Everything is little-endian except unions marked
 * `networkOrder`.
 */

/** An NDIS version as one number: 620 is 6.20. Versions after 6.30 read and write as 630 does. */
export type NdisVersion = number;

interface FieldBase {
  /** Header spelling; empty for an anonymous union, whose members belong to the enclosing structure. */
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  /** First revision of the structure that has the member. */
  readonly revision: number;
}

/** A number of up to 32 bits. `i32` is a C enum and is signed, statuses are `u32`. */
export interface NumberField extends FieldBase {
  readonly kind: 'u8' | 'u16' | 'u32' | 'i32';
  readonly enumName?: string;
}

/** A 64-bit number, handle or pointer; a bigint in values. */
export interface WideField extends FieldBase {
  readonly kind: 'u64';
}

/** A C bit field: `width` bits from bit `lsb` (0 is least) of the 32-bit word at `offset`. */
export interface BitsField extends FieldBase {
  readonly kind: 'bits';
  readonly lsb: number;
  readonly width: number;
}

/** IF_COUNTED_STRING: USHORT length in bytes, then room for 257 UTF-16 code units. */
export interface StringField extends FieldBase {
  readonly kind: 'string';
}

/** An array of UCHAR; a Uint8Array in values. */
export interface BytesField extends FieldBase {
  readonly kind: 'bytes';
}

/** A fixed array of numbers. */
export interface ArrayField extends FieldBase {
  readonly kind: 'array';
  readonly element: 'u16' | 'u64';
  readonly count: number;
}

/** A member of another named structure's type. */
export interface StructField extends FieldBase {
  readonly kind: 'struct';
  readonly layout: StructLayout;
}

/** A structure declared in place. */
export interface GroupField extends FieldBase {
  readonly kind: 'group';
  readonly fields: readonly FieldLayout[];
}

/** A union; its value is a one-key object naming the member. */
export interface UnionField extends FieldBase {
  readonly kind: 'union';
  /** Multi-byte members are big-endian in memory and host numbers in values. */
  readonly networkOrder: boolean;
  readonly fields: readonly FieldLayout[];
}

export type FieldLayout =
  | NumberField
  | WideField
  | BitsField
  | StringField
  | BytesField
  | ArrayField
  | StructField
  | GroupField
  | UnionField;

/** One revision of a structure: what goes in `Header.Revision` and `Header.Size`. */
export interface RevisionLayout {
  readonly revision: number;
  /** The NDIS_SIZEOF_..._REVISION_n macro: not sizeof, tail padding is left out. */
  readonly size: number;
  readonly minNdis: NdisVersion;
}

/**
 * Elements that follow the structure.
 *
 * ```text
 *  0            offset                        offset + count * stride
 *  +------+-----+---------+---------+---------+
 *  | head | gap | element | element | element |
 *  +------+-----+---------+---------+---------+
 *               |<-stride>|    all offsets from the start of the head
 * ```
 */
export interface TrailingLayout {
  /** Member of the decoded value that holds the elements. */
  readonly member: string;
  readonly countField: string;
  /** Member that holds the array's offset; absent when the offset is `fixedOffset`. */
  readonly offsetField?: string;
  /** Member that holds the distance between elements; absent when it is sizeof the element. */
  readonly strideField?: string;
  readonly fixedOffset?: number;
  readonly element: StructLayout;
}

export interface StructLayout {
  readonly name: string;
  /** sizeof in the NDIS 6.30 view. */
  readonly size: number;
  readonly alignment: number;
  /** The structure begins with an NDIS_OBJECT_HEADER. */
  readonly hasHeader: boolean;
  /** What `Header.Type` must hold; absent when no source says. */
  readonly headerType?: number;
  /** Ascending; never empty. */
  readonly revisions: readonly [RevisionLayout, ...RevisionLayout[]];
  readonly fields: readonly FieldLayout[];
  readonly trailing?: TrailingLayout;
}

/** Room in an IF_COUNTED_STRING: UTF-16 code units, without need of a terminator. */
export const COUNTED_STRING_UNITS = 257;

/** sizeof of a revision as a C compiler lays it out: its size rounded up to the structure's alignment. */
export function strideOf(layout: StructLayout, revision: RevisionLayout): number {
  if (revision === newestRevision(layout, 630)) return layout.size;
  return alignUp(revision.size, layout.alignment);
}

/** The newest revision that an NDIS version knows, or undefined when it does not know the structure. */
export function newestRevision(layout: StructLayout, ndis: NdisVersion): RevisionLayout | undefined {
  return layout.revisions.filter((r) => r.minNdis <= ndis).at(-1);
}

/** Rounds up to a multiple of `alignment`, a power of two. */
export function alignUp(value: number, alignment: number): number {
  return (value + alignment - 1) & ~(alignment - 1);
}
