/**
 * Codecs by the name of their structure, for tools that learn it at run time (traces, dumps): the
 * names in {@link oidUse} lead here. Code that knows its structure imports the codec itself.
 */

import type { StructCodec } from '../codec/codec.ts';
import * as structs from '../generated/structs/all.ts';

/** A structure's value when its type is not known: members by header spelling. */
export type AnyStruct = Readonly<Record<string, unknown>>;

let codecs: Map<string, StructCodec<AnyStruct>> | undefined;

/** The codec of the structure `name`; undefined when there is none. */
export function codecOf(name: string): StructCodec<AnyStruct> | undefined {
  // Each codec's value is an object of named members, IF_COUNTED_STRING alone excepted.
  codecs ??= new Map(
    Object.values(structs).map((codec) => [codec.name, codec as unknown as StructCodec<AnyStruct>]),
  );
  return codecs.get(name);
}

/** Names of all structures that have a codec. */
export function structNames(): readonly string[] {
  return Object.values(structs).map((codec) => codec.name);
}
