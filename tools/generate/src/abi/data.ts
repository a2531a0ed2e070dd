// The shape of packages/abi/data/abi.x64.json, as far as the generator reads it.

export interface AbiConstant {
  /** A string where it is more than 53 bits. */
  readonly value: number | string;
  readonly hex: string;
  readonly group: string;
  readonly note?: string;
  readonly minNdis?: string;
}

export interface AbiField {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly type: string;
  readonly kind: string;
  readonly revision?: number;
  readonly note?: string;
  readonly anonymous?: boolean;
  readonly members?: readonly AbiField[];
  readonly bits?: { readonly lsb: number; readonly width: number };
  /** Of an array: 0 for a flexible one at the structure's end. */
  readonly count?: number;
  readonly elementKind?: string;
  readonly elementType?: string;
}

export interface AbiStruct {
  readonly size: number;
  readonly alignment: number;
  readonly minNdis?: string;
  readonly note?: string;
  readonly fields: readonly AbiField[];
  readonly revisions?: Readonly<Record<string, { readonly size: number; readonly revisionConstant: string }>>;
  readonly headerType?: { readonly value: number };
  readonly trailingArray?: {
    readonly element: string;
    readonly countField: string;
    readonly offsetField: string;
    readonly strideField: string;
  };
}

export interface AbiOid {
  readonly hex: string;
  readonly requests: readonly string[];
  readonly in: string | null;
  readonly out: string | null;
  readonly minNdis: string;
}

export interface Abi {
  readonly constants: Readonly<Record<string, AbiConstant>>;
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly enumMeta: Readonly<Record<string, { readonly note?: string; readonly minNdis?: string }>>;
  readonly structs: Readonly<Record<string, AbiStruct>>;
  readonly oids: Readonly<Record<string, AbiOid>>;
  readonly typedefs: Readonly<Record<string, { readonly aliasOf?: string }>>;
}
