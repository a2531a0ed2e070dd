/**
 * Why `checked` does not take some bytes as the header it was asked for.
 *
 * | refusal | meaning |
 * |-|-|
 * | `too-short` | fewer bytes than the header's fixed part |
 * | `bad-version` | the version field is another protocol's |
 * | `bad-header-length` | the header says it is shorter than its fixed part, or longer than the bytes there are |
 * | `bad-total-length` | the packet says it is shorter than its header, or longer than the bytes there are |
 * | `unsupported-type` | hardware, protocol or message types this view has no fields for |
 */
export type WireRefusal =
  | 'too-short'
  | 'bad-version'
  | 'bad-header-length'
  | 'bad-total-length'
  | 'unsupported-type';
