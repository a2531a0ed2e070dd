// @ts-check
// A compiler step: writes numeric constants that are imported, or exported by the same module, out where they are used, as
// C's preprocessor or `const enum` would.
//
//   words[at + Q_HEAD]          ->  words[at + 3 /* Q_HEAD */]
//   words[REG.RDT >> 2]         ->  words[4108 /* REG.RDT */ >> 2]
//
// V8 takes a module's own constants as numbers when it optimises, but looks what is imported or exported up at each use.
// Sources stay plain; only dist differs, and source maps fit. Measured when it came, 64-byte frames received, old sources with
// constants copied by hand beside plain ones: 80 and 92 ns a frame without this step (see docs/performance.md).
import ts from 'typescript';

/** @typedef {import('./constant-table.mjs').Constant} Constant */

/**
 * @param {import('./constant-table.mjs').ConstantTable} table
 * @returns {ts.TransformerFactory<ts.SourceFile>}
 */
export function foldConstants(table) {
  return (context) => (source) => {
    const constants = knownConstants(source, table);
    if (constants.size === 0) return source;
    /** @type {(node: ts.Node) => ts.Node} */
    const visit = (node) => {
      if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node;
      const folded = fold(node, constants, context.factory);
      return folded ?? ts.visitEachChild(node, visit, context);
    };
    return /** @type {ts.SourceFile} */ (visit(source));
  };
}

/**
 * Constants by the name they have in `source`. A name that the file also declares itself is left alone: which of the two
 * is meant need not be found out then.
 * @param {ts.SourceFile} source
 * @param {import('./constant-table.mjs').ConstantTable} table
 * @returns {Map<string, Constant>}
 */
function knownConstants(source, table) {
  /** @type {Map<string, Constant>} */
  const constants = new Map(table.exported(source.fileName));
  for (const statement of source.statements) {
    if (!ts.isImportDeclaration(statement)) continue;
    const bindings = statement.importClause?.namedBindings;
    if (bindings === undefined || !ts.isNamedImports(bindings)) continue;
    const specifier = /** @type {ts.StringLiteral} */ (statement.moduleSpecifier).text;
    const exported = table.imported(source.fileName, specifier);
    for (const { name, propertyName } of bindings.elements) {
      const value = exported?.get((propertyName ?? name).text);
      if (value !== undefined) constants.set(name.text, value);
    }
  }
  /** @param {ts.Node} node */
  const forgetDeclared = (node) => {
    if (
      (ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node)) &&
      ts.isIdentifier(node.name) &&
      node.parent.parent.parent !== source
    )
      constants.delete(node.name.text);
    ts.forEachChild(node, forgetDeclared);
  };
  if (constants.size > 0) forgetDeclared(source);
  return constants;
}

/**
 * What stands for `node` if it is a use of one of `constants`.
 * @param {ts.Node} node
 * @param {ReadonlyMap<string, Constant>} constants
 * @param {ts.NodeFactory} factory
 */
function fold(node, constants, factory) {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const object = constants.get(node.expression.text);
    const value = object instanceof Map ? object.get(node.name.text) : undefined;
    return value === undefined
      ? undefined
      : literal(value, `${node.expression.text}.${node.name.text}`, factory);
  }
  if (ts.isShorthandPropertyAssignment(node)) {
    const value = constants.get(node.name.text);
    return typeof value !== 'number'
      ? undefined
      : factory.createPropertyAssignment(node.name, literal(value, node.name.text, factory));
  }
  if (!ts.isIdentifier(node) || isName(node)) return undefined;
  const value = constants.get(node.text);
  return typeof value === 'number' ? literal(value, node.text, factory) : undefined;
}

/**
 * True if `node` names a member, a label or a declaration rather than being a value.
 * @param {ts.Identifier} node
 */
function isName(node) {
  const { parent } = node;
  // A node that another step made has no parent; none of these steps comes before this one.
  if (parent === undefined) return true;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isComputedPropertyName(parent)) return false;
  return /** @type {{ name?: ts.Node }} */ (parent).name === node || ts.isTypeNode(parent);
}

/**
 * @param {number} value
 * @param {string} name
 * @param {ts.NodeFactory} factory
 */
function literal(value, name, factory) {
  const positive = factory.createNumericLiteral(Math.abs(value));
  const node =
    value < 0
      ? factory.createParenthesizedExpression(
          factory.createPrefixUnaryExpression(ts.SyntaxKind.MinusToken, positive),
        )
      : positive;
  return ts.addSyntheticTrailingComment(node, ts.SyntaxKind.MultiLineCommentTrivia, ` ${name} `, false);
}
