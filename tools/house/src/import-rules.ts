// The house plan as rules of dependency-cruiser.
import type { IForbiddenRuleType } from 'dependency-cruiser';
import { MAY_IMPORT, NODE_ALLOWED } from './plan.ts';

/** Rules for packages/: from `name` and its folder of sources. */
export function importRules(): IForbiddenRuleType[] {
  return [...Object.keys(MAY_IMPORT).flatMap(rulesOf), ...RULES_FOR_ALL];
}

const RULES_FOR_ALL: readonly IForbiddenRuleType[] = [
  {
    // Type-only imports count: they tangle readers too.
    name: 'no-circle-of-files',
    severity: 'error',
    from: {},
    to: { circular: true },
  },
  {
    name: 'resolvable',
    comment: 'no such file, or a part of a package that is not public',
    severity: 'error',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'only-the-index-is-public',
    severity: 'error',
    from: { path: '^packages/([^/]+)/' },
    to: { path: '^packages/', pathNot: '^packages/($1/|[^/]+/src/index[.]ts$)' },
  },
  {
    name: 'declared-in-package-json',
    severity: 'error',
    from: { path: '^packages/' },
    to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
  },
];

function rulesOf(name: string): IForbiddenRuleType[] {
  const from = { path: `^packages/${name}/` };
  const floors = [name, ...(MAY_IMPORT[name] ?? [])].join('|');
  const modules = NODE_ALLOWED[name];
  const rules: IForbiddenRuleType[] = [
    {
      name: `${name}-imports-only-what-is-below`,
      comment: `it may import: ${MAY_IMPORT[name]?.join(', ') || 'nothing'}`,
      severity: 'error',
      from,
      to: { path: '^packages/', pathNot: `^packages/(${floors})/` },
    },
  ];
  if (modules === null) return rules;
  const allowed = (modules ?? []).map((module) => module.replace('node:', '')).join('|');
  rules.push({
    name: `${name}-has-no-io-of-its-own`,
    comment: 'I/O, clock and chance come through machine',
    severity: 'error',
    from,
    to: { dependencyTypes: ['core'], ...(allowed === '' ? {} : { pathNot: `^(${allowed})$` }) },
  });
  return rules;
}
