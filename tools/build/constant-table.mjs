// @ts-check
// The values of a module's exported numeric constants, read from its source: `export const A = 1 << 4`, enum-like objects
// `export const REG = { TAIL: 0x100c } as const`, and what `export … from` passes on. Whatever is not plainly a number is
// not in the table.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';

/** @typedef {number | ReadonlyMap<string, number>} Constant a number, or the numbers of an enum-like object */
/** @typedef {{ constants: Map<string, Constant>, exported: Map<string, Constant> }} Module */

/** @type {Readonly<Record<number, (a: number, b: number) => number>>} */
const BINARY = {
  [ts.SyntaxKind.PlusToken]: (a, b) => a + b,
  [ts.SyntaxKind.MinusToken]: (a, b) => a - b,
  [ts.SyntaxKind.AsteriskToken]: (a, b) => a * b,
  [ts.SyntaxKind.SlashToken]: (a, b) => a / b,
  [ts.SyntaxKind.BarToken]: (a, b) => a | b,
  [ts.SyntaxKind.AmpersandToken]: (a, b) => a & b,
  [ts.SyntaxKind.CaretToken]: (a, b) => a ^ b,
  [ts.SyntaxKind.LessThanLessThanToken]: (a, b) => a << b,
  [ts.SyntaxKind.GreaterThanGreaterThanToken]: (a, b) => a >> b,
  [ts.SyntaxKind.GreaterThanGreaterThanGreaterThanToken]: (a, b) => a >>> b,
};

/** @type {Readonly<Record<number, (a: number) => number>>} */
const UNARY = {
  [ts.SyntaxKind.MinusToken]: (a) => -a,
  [ts.SyntaxKind.PlusToken]: (a) => a,
  [ts.SyntaxKind.TildeToken]: (a) => ~a,
};

export class ConstantTable {
  /** @type {Map<string, Module>} */
  #modules = new Map();
  /** @type {string} */
  #root;

  /** @param {string} root the repository */
  constructor(root) {
    this.#root = root;
  }

  /**
   * The constants that `specifier`, imported in the source file `from`, exports; null if it is not one of our sources.
   * @param {string} from
   * @param {string} specifier
   */
  imported(from, specifier) {
    const path = this.#pathOf(from, specifier);
    return path === null ? null : this.#module(path).exported;
  }

  /**
   * The constants that the source file `path` exports itself.
   * @param {string} path
   */
  exported(path) {
    return this.#module(path).exported;
  }

  /**
   * All constants that the source file `path` exports, as one text that differs when a name or a value does.
   * @param {string} path
   */
  textOf(path) {
    return [...this.#module(path).exported]
      .map(([name, value]) => `${name}=${typeof value === 'number' ? value : JSON.stringify([...value])}`)
      .join('\n');
  }

  /**
   * @param {string} from
   * @param {string} specifier
   */
  #pathOf(from, specifier) {
    const path = specifier.startsWith('.')
      ? resolve(dirname(from), specifier)
      : specifier.startsWith('@vmq/')
        ? join(this.#root, 'packages', specifier.slice('@vmq/'.length), 'src/index.ts')
        : '';
    return path.endsWith('.ts') && existsSync(path) ? path : null;
  }

  /** @param {string} path @returns {Module} */
  #module(path) {
    const known = this.#modules.get(path);
    if (known !== undefined) return known;
    /** @type {Module} */
    const module = { constants: new Map(), exported: new Map() };
    // Known before it is read, so that modules that import each other end.
    this.#modules.set(path, module);
    const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true);
    for (const statement of source.statements) this.#read(statement, path, module);
    return module;
  }

  /**
   * @param {ts.Statement} statement
   * @param {string} path
   * @param {Module} module
   */
  #read(statement, path, module) {
    if (ts.isImportDeclaration(statement)) {
      const from = this.imported(path, /** @type {ts.StringLiteral} */ (statement.moduleSpecifier).text);
      const bindings = statement.importClause?.namedBindings;
      if (from === null || bindings === undefined || !ts.isNamedImports(bindings)) return;
      for (const { name, propertyName } of bindings.elements)
        copy(from, (propertyName ?? name).text, module.constants, name.text);
    } else if (ts.isExportDeclaration(statement)) {
      const { moduleSpecifier, exportClause } = statement;
      const from =
        moduleSpecifier === undefined
          ? module.constants
          : this.imported(path, /** @type {ts.StringLiteral} */ (moduleSpecifier).text);
      if (from === null) return;
      if (exportClause === undefined) for (const [name, value] of from) module.exported.set(name, value);
      else if (ts.isNamedExports(exportClause))
        for (const { name, propertyName } of exportClause.elements)
          copy(from, (propertyName ?? name).text, module.exported, name.text);
    } else if (ts.isVariableStatement(statement)) readConstants(statement, module);
  }
}

/**
 * @param {ReadonlyMap<string, Constant>} from
 * @param {string} name
 * @param {Map<string, Constant>} to
 * @param {string} as
 */
function copy(from, name, to, as) {
  const value = from.get(name);
  if (value !== undefined) to.set(as, value);
}

/**
 * @param {ts.VariableStatement} statement
 * @param {Module} module
 */
function readConstants(statement, module) {
  if ((statement.declarationList.flags & ts.NodeFlags.Const) === 0) return;
  const isExported = statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;
  for (const { name, initializer } of statement.declarationList.declarations) {
    if (!ts.isIdentifier(name) || initializer === undefined) continue;
    const value = numberOf(initializer, module.constants) ?? numbersOf(initializer, module.constants);
    if (value === undefined) continue;
    module.constants.set(name.text, value);
    if (isExported) module.exported.set(name.text, value);
  }
}

/**
 * @param {ts.Expression} node
 * @param {ReadonlyMap<string, Constant>} constants
 * @returns {number | undefined}
 */
function numberOf(node, constants) {
  if (ts.isNumericLiteral(node)) return Number(node.text);
  if (ts.isParenthesizedExpression(node)) return numberOf(node.expression, constants);
  if (ts.isIdentifier(node)) {
    const value = constants.get(node.text);
    return typeof value === 'number' ? value : undefined;
  }
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const object = constants.get(node.expression.text);
    return object instanceof Map ? object.get(node.name.text) : undefined;
  }
  if (ts.isPrefixUnaryExpression(node)) {
    const a = numberOf(node.operand, constants);
    return a === undefined ? undefined : UNARY[node.operator]?.(a);
  }
  if (!ts.isBinaryExpression(node)) return undefined;
  const a = numberOf(node.left, constants);
  const b = numberOf(node.right, constants);
  return a === undefined || b === undefined ? undefined : BINARY[node.operatorToken.kind]?.(a, b);
}

/**
 * The numbers of `{ A: 1, B: 2 } as const`; others of its members are left out.
 * @param {ts.Expression} node
 * @param {ReadonlyMap<string, Constant>} constants
 */
function numbersOf(node, constants) {
  if (!ts.isAsExpression(node) || !ts.isConstTypeReference(node.type)) return undefined;
  if (!ts.isObjectLiteralExpression(node.expression)) return undefined;
  /** @type {Map<string, number>} */
  const numbers = new Map();
  for (const member of node.expression.properties) {
    if (!ts.isPropertyAssignment(member) || !ts.isIdentifier(member.name)) continue;
    const value = numberOf(member.initializer, constants);
    if (value !== undefined) numbers.set(member.name.text, value);
  }
  return numbers;
}
