/**
 * As much of JSON Schema as the published one uses; a keyword it does not know is an error. Members that the schema
 * does not name are wrong here, so that it stays complete, although a reader is to bear with them.
 */
interface Schema {
  readonly [keyword: string]: unknown;
}

/** What is wrong with `value`, with the path to it; empty if nothing is. */
export function schemaProblems(value: unknown, schema: Schema, root: Schema = schema, path = '$'): string[] {
  return Object.entries(schema).flatMap(([keyword, rule]) => {
    const check = CHECKS[keyword];
    if (check === undefined) throw new Error(`${path}: unknown keyword ${keyword}`);
    return check(value, rule, root, path, schema);
  });
}

type Check = (value: unknown, rule: unknown, root: Schema, path: string, schema: Schema) => string[];

const nothing: Check = () => [];
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const wrong = (path: string, expected: unknown, found: unknown): string[] => [
  `${path}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)?.slice(0, 200)}`,
];
const typeOf = (value: unknown): string[] => {
  if (value === null) return ['null'];
  if (Array.isArray(value)) return ['array'];
  return typeof value === 'number' && Number.isInteger(value) ? ['number', 'integer'] : [typeof value];
};

const CHECKS: Readonly<Record<string, Check>> = {
  $schema: nothing,
  $id: nothing,
  title: nothing,
  description: nothing,
  $defs: nothing,
  $ref(value, rule, root, path) {
    const name = String(rule).replace('#/$defs/', '');
    return schemaProblems(value, (root['$defs'] as Record<string, Schema>)[name], root, path);
  },
  type(value, rule, _root, path) {
    const types = [rule].flat() as string[];
    return typeOf(value).some((type) => types.includes(type)) ? [] : wrong(path, rule, value);
  },
  const: (value, rule, _root, path) => (value === rule ? [] : wrong(path, rule, value)),
  enum: (value, rule, _root, path) => ((rule as unknown[]).includes(value) ? [] : wrong(path, rule, value)),
  pattern: (value, rule, _root, path) =>
    typeof value !== 'string' || new RegExp(String(rule), 'u').test(value) ? [] : wrong(path, rule, value),
  minimum: (value, rule, _root, path) =>
    typeof value !== 'number' || value >= Number(rule) ? [] : wrong(path, `>= ${rule}`, value),
  minItems: (value, rule, _root, path) =>
    !Array.isArray(value) || value.length >= Number(rule) ? [] : wrong(path, `${rule} or more`, value),
  maxItems: (value, rule, _root, path) =>
    !Array.isArray(value) || value.length <= Number(rule) ? [] : wrong(path, `${rule} or fewer`, value),
  required: (value, rule, _root, path) =>
    (rule as string[]).flatMap((name) => (isRecord(value) && name in value ? [] : wrong(path, name, value))),
  properties(value, rule, root, path) {
    if (!isRecord(value)) return [];
    const rules = rule as Record<string, Schema>;
    return Object.entries(value).flatMap(([name, member]) => {
      const own = rules[name];
      return own === undefined
        ? [`${path}.${name}: not in the schema`]
        : schemaProblems(member, own, root, `${path}.${name}`);
    });
  },
  additionalProperties(value, rule, root, path) {
    if (!isRecord(value)) return [];
    return Object.entries(value).flatMap(([name, one]) =>
      schemaProblems(one, rule as Schema, root, `${path}.${name}`),
    );
  },
  items(value, rule, root, path) {
    if (!Array.isArray(value)) return [];
    return value.flatMap((one, i) => schemaProblems(one, rule as Schema, root, `${path}[${i}]`));
  },
  oneOf(value, rule, root, path) {
    const results = (rule as Schema[]).map((one) => schemaProblems(value, one, root, path));
    const fitting = results.filter((problems) => problems.length === 0).length;
    if (fitting === 1) return [];
    if (fitting > 1) return wrong(path, 'only one of several', value);
    return results.reduce((best, one) => (one.length < best.length ? one : best));
  },
};
