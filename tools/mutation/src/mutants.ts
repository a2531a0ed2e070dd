// One small mistake each: every mutant of a source file, read off its syntax tree.
import ts from 'typescript';

const { SyntaxKind: K } = ts;
const OTHER_OPERATOR: ReadonlyMap<ts.SyntaxKind, readonly string[]> = new Map([
  [K.EqualsEqualsEqualsToken, ['!==']],
  [K.ExclamationEqualsEqualsToken, ['===']],
  [K.LessThanToken, ['<=', '>=']],
  [K.LessThanEqualsToken, ['<', '>']],
  [K.GreaterThanToken, ['>=', '<=']],
  [K.GreaterThanEqualsToken, ['>', '<']],
  [K.AmpersandAmpersandToken, ['||']],
  [K.BarBarToken, ['&&']],
  [K.PlusToken, ['-']],
  [K.MinusToken, ['+']],
  [K.BarToken, ['&']],
  [K.AmpersandToken, ['|']],
]);
const FAILURE = '0xc0000001';
const INVALID_PARAMETER = '0xc000000d';

export interface Mutant {
  readonly file: string;
  readonly kind: string;
  /** Offsets of `before` in the file. */
  readonly start: number;
  readonly end: number;
  readonly before: string;
  readonly replacement: string;
  /** The text of the line; with `nth`, which mutant of such a line it is, it is found again in a changed file. */
  readonly line: string;
  readonly nth: number;
}

/** Every mutant of a file. */
export function mutantsOf(file: string, text: string): Mutant[] {
  const mutants = new MutantList(file, text);
  const { source } = mutants;
  const visit = (node: ts.Node): void => {
    if (isWithoutEffect(node)) return;
    if (addOfNode(mutants, node)) ts.forEachChild(node, visit);
  };
  visit(source);
  return mutants.found;
}

class MutantList {
  readonly found: Mutant[] = [];
  readonly source: ts.SourceFile;
  readonly #file: string;
  readonly #text: string;
  readonly #seen: Map<string, number> = new Map();

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text;
    this.source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  }

  textOf(node: ts.Node): string {
    return node.getText(this.source);
  }

  add(node: ts.Node, replacement: string, kind: string): void {
    const text = this.#text;
    const [start, end] = [node.getStart(this.source), node.getEnd()];
    const [from, to] = [text.lastIndexOf('\n', start) + 1, text.indexOf('\n', start)];
    const line = text.slice(from, to < 0 ? text.length : to).trim();
    const before = text.slice(start, end);
    const key = JSON.stringify([line, kind, before, replacement]);
    const nth = this.#seen.get(key) ?? 0;
    this.#seen.set(key, nth + 1);
    this.found.push({ file: this.#file, kind, start, end, before, replacement, line, nth });
  }
}

/** True for what only types see. */
function isWithoutEffect(node: ts.Node): boolean {
  return (
    ts.isImportDeclaration(node) ||
    ts.isTypeNode(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node)
  );
}

/** Adds the mutants of a node itself. False: none of what is inside it. */
function addOfNode(mutants: MutantList, node: ts.Node): boolean {
  if (ts.isIfStatement(node)) {
    mutants.add(node.expression, `!(${mutants.textOf(node.expression)})`, 'negated condition');
    if (node.elseStatement === undefined && leaves(node.thenStatement))
      mutants.add(node, ';', 'removed check');
  } else if (ts.isConditionalExpression(node)) {
    mutants.add(node.condition, `!(${mutants.textOf(node.condition)})`, 'negated condition');
  } else if (ts.isBinaryExpression(node)) {
    for (const operator of OTHER_OPERATOR.get(node.operatorToken.kind) ?? [])
      mutants.add(node.operatorToken, operator, 'other operator');
  } else if (ts.isNumericLiteral(node)) {
    mutants.add(node, `(${node.text} + 1)`, 'other number');
  } else if (node.kind === K.TrueKeyword || node.kind === K.FalseKeyword) {
    mutants.add(node, node.kind === K.TrueKeyword ? 'false' : 'true', 'other truth');
  } else if (ts.isIdentifier(node) && /^NDIS_STATUS_/.test(node.text)) {
    mutants.add(node, node.text === 'NDIS_STATUS_FAILURE' ? INVALID_PARAMETER : FAILURE, 'other status');
  } else if (
    ts.isPropertyAssignment(node) &&
    mutants.textOf(node.name) === 'next' &&
    ts.isStringLiteral(node.initializer)
  ) {
    addOfTableRow(mutants, node.initializer);
    return false;
  } else if (ts.isExpressionStatement(node) && !/\btrace/i.test(mutants.textOf(node))) {
    mutants.add(node, ';', 'removed statement');
  }
  return true;
}

/** A row of the state table: each cell becomes another state, or an invalid event. */
function addOfTableRow(mutants: MutantList, literal: ts.StringLiteral): void {
  const cells = literal.text.split(' ');
  cells.forEach((cell, i) => {
    for (const other of cell === '.' ? ['R'] : ['.', cell === 'P' ? 'R' : 'P']) {
      const row = cells.map((one, at) => (at === i ? other : one));
      mutants.add(literal, `'${row.join(' ')}'`, 'other state');
    }
  });
}

/** True for a statement that ends in leaving: what an `if` that checks something guards. */
function leaves(statement: ts.Statement): boolean {
  const last = ts.isBlock(statement) ? statement.statements.at(-1) : statement;
  return (
    last !== undefined &&
    (ts.isReturnStatement(last) || ts.isContinueStatement(last) || ts.isThrowStatement(last))
  );
}
