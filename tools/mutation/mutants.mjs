// One small mistake each: every mutant of a source file, read off its syntax tree.
import ts from 'typescript';

const { SyntaxKind: K } = ts;
const OTHER_OPERATOR = new Map([
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

/**
 * Every mutant of a file: `{ file, kind, start, end, replacement, before, line, nth }`. `replacement` stands instead of
 * `before`, which is what stands between two offsets. `line` is the text of the line, and `nth` says which mutant of
 * such a line it is: so a mutant is found again in a file that has changed elsewhere.
 */
export function mutantsOf(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const found = [];
  const seen = new Map();
  const add = (node, replacement, kind) => {
    const [start, end] = [node.getStart(source), node.getEnd()];
    const [from, to] = [text.lastIndexOf('\n', start) + 1, text.indexOf('\n', start)];
    const line = text.slice(from, to < 0 ? text.length : to).trim();
    const before = text.slice(start, end);
    const key = JSON.stringify([line, kind, before, replacement]);
    const nth = seen.get(key) ?? 0;
    seen.set(key, nth + 1);
    found.push({ file, kind, start, end, replacement, before, line, nth });
  };

  const visit = (node) => {
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node) || ts.isInterfaceDeclaration(node)) return;
    if (ts.isTypeAliasDeclaration(node)) return;
    if (ts.isIfStatement(node)) {
      add(node.expression, `!(${node.expression.getText(source)})`, 'negated condition');
      if (node.elseStatement === undefined && leaves(node.thenStatement)) add(node, ';', 'removed check');
    } else if (ts.isConditionalExpression(node)) {
      add(node.condition, `!(${node.condition.getText(source)})`, 'negated condition');
    } else if (ts.isBinaryExpression(node)) {
      for (const operator of OTHER_OPERATOR.get(node.operatorToken.kind) ?? [])
        add(node.operatorToken, operator, 'other operator');
    } else if (ts.isNumericLiteral(node)) {
      add(node, `(${node.text} + 1)`, 'other number');
    } else if (node.kind === K.TrueKeyword || node.kind === K.FalseKeyword) {
      add(node, node.kind === K.TrueKeyword ? 'false' : 'true', 'other truth');
    } else if (ts.isIdentifier(node) && /^NDIS_STATUS_/.test(node.text)) {
      add(node, node.text === 'NDIS_STATUS_FAILURE' ? INVALID_PARAMETER : FAILURE, 'other status');
    } else if (
      ts.isPropertyAssignment(node) &&
      node.name.getText(source) === 'next' &&
      ts.isStringLiteral(node.initializer)
    ) {
      tableMutants(node.initializer);
      return;
    } else if (ts.isExpressionStatement(node) && !/\btrace/i.test(node.getText(source))) {
      add(node, ';', 'removed statement');
    }
    ts.forEachChild(node, visit);
  };
  /** A row of the state table: each cell becomes another state, or an invalid event. */
  const tableMutants = (literal) => {
    const cells = literal.text.split(' ');
    cells.forEach((cell, i) => {
      for (const other of cell === '.' ? ['R'] : ['.', cell === 'P' ? 'R' : 'P']) {
        add(literal, `'${cells.with(i, other).join(' ')}'`, 'other state');
      }
    });
  };
  visit(source);
  return found;
}

/** True for a statement that ends in leaving: what an `if` that checks something guards. */
function leaves(statement) {
  const last = ts.isBlock(statement) ? statement.statements.at(-1) : statement;
  return (
    last !== undefined &&
    (ts.isReturnStatement(last) || ts.isContinueStatement(last) || ts.isThrowStatement(last))
  );
}
