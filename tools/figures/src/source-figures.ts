// What can be counted in the sources: each figure is the list of the places that make it up.
import ts from 'typescript';
import { lineAt, nodesOf, placeOf, type SourceFile } from './source-tree.ts';

export const MOST_LINES = 70;
export const MOST_PARAMETERS = 5;

type FunctionNode =
  | ts.FunctionDeclaration
  | ts.FunctionExpression
  | ts.ArrowFunction
  | ts.MethodDeclaration
  | ts.ConstructorDeclaration
  | ts.AccessorDeclaration;

const isFunction = (node: ts.Node): node is FunctionNode =>
  ts.isFunctionDeclaration(node) ||
  ts.isFunctionExpression(node) ||
  ts.isArrowFunction(node) ||
  ts.isMethodDeclaration(node) ||
  ts.isConstructorDeclaration(node) ||
  ts.isAccessor(node);

function* functionsOf(file: SourceFile): Generator<FunctionNode> {
  for (const node of nodesOf(file)) if (isFunction(node)) yield node;
}

/** Functions of more than 70 lines, from their first line to their last. */
export function longFunctions(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) =>
    [...functionsOf(file)]
      .map((node) => {
        const lines = lineAt(file, node.getEnd()) - lineAt(file, node.getStart(file.ast)) + 1;
        return { node, lines };
      })
      .filter(({ lines }) => lines > MOST_LINES)
      .map(({ node, lines }) => `${placeOf(file, node)} ${lines} lines`),
  );
}

/** Functions with more than five parameters. */
export function manyParameters(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) =>
    [...functionsOf(file)]
      .filter(({ body, parameters }) => body !== undefined && parameters.length > MOST_PARAMETERS)
      .map((node) => `${placeOf(file, node)} ${node.parameters.length} parameters`),
  );
}

/** Constants of a module that are nothing but an imported one, or a member of it, under a name of their own. */
export function copiedConstants(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const imported = importedNames(file);
    return file.ast.statements
      .filter(ts.isVariableStatement)
      .filter(({ declarationList: { flags } }) => (flags & ts.NodeFlags.Const) !== 0)
      .flatMap(({ declarationList }) => [...declarationList.declarations])
      .filter(
        ({ name, initializer }) =>
          ts.isIdentifier(name) && initializer !== undefined && isImported(initializer, imported),
      )
      .map((declaration) => `${placeOf(file, declaration)} ${declaration.getText(file.ast)}`);
  });
}

function importedNames({ ast }: SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  for (const statement of ast.statements.filter(ts.isImportDeclaration)) {
    const bindings = statement.importClause?.namedBindings;
    if (bindings !== undefined && ts.isNamedImports(bindings))
      for (const { name } of bindings.elements) names.add(name.text);
  }
  return names;
}

/** `NAME`, `NAME | 0` or `+NAME` of an imported constant in capitals. */
function isImported(node: ts.Expression, imported: ReadonlySet<string>): boolean {
  if (ts.isIdentifier(node)) return imported.has(node.text) && /^[A-Z][A-Z0-9_]*$/.test(node.text);
  return isOrZero(node) && isImported(node.left, imported);
}

function isOrZero(node: ts.Node): node is ts.BinaryExpression {
  return (
    ts.isBinaryExpression(node) &&
    node.operatorToken.kind === ts.SyntaxKind.BarToken &&
    ts.isNumericLiteral(node.right) &&
    node.right.text === '0'
  );
}

/** `x | 0`; beside a measured line is one that has the word "measured" on its own line or in the comment above. */
export function orZeros(files: readonly SourceFile[]): { unmeasured: string[]; measured: string[] } {
  const unmeasured: string[] = [];
  const measured: string[] = [];
  for (const file of files) {
    const lines = file.text.split('\n');
    for (const node of nodesOf(file)) {
      if (!isOrZero(node)) continue;
      const line = lineAt(file, node.getStart(file.ast));
      (isMeasured(lines, line) ? measured : unmeasured).push(placeOf(file, node));
    }
  }
  return { unmeasured, measured };
}

function isMeasured(lines: readonly string[], line: number): boolean {
  if (/measured/i.test(lines[line - 1])) return true;
  for (let above = line - 2; above >= 0 && /^\s*(\/\/|\*|\/\*)/.test(lines[above]); above--)
    if (/measured/i.test(lines[above])) return true;
  return false;
}

/** `x as number` of an element of an array: what it says, the array's own type says (or would, but for a flag). */
export function idleCasts(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) =>
    [...nodesOf(file)]
      .filter(ts.isAsExpression)
      .filter(({ type, expression }) => {
        const isNumber = type.kind === ts.SyntaxKind.NumberKeyword;
        return isNumber && ts.isElementAccessExpression(withoutParentheses(expression));
      })
      .map((node) => placeOf(file, node)),
  );
}

function withoutParentheses(node: ts.Expression): ts.Expression {
  return ts.isParenthesizedExpression(node) ? withoutParentheses(node.expression) : node;
}

/** Files by folder, of src folders and the folders in them. */
export function filesPerFolder(files: readonly SourceFile[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { path } of files) {
    const folder = path.slice(0, path.lastIndexOf('/'));
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return counts;
}

/** The largest of some folders, and how many files it has. */
export function largest(counts: ReadonlyMap<string, number>): { folder: string; files: number } {
  const [folder, files] = [...counts].sort((x, y) => y[1] - x[1])[0] ?? ['', 0];
  return { folder, files };
}

/**
 * Private words for which the field has one of its own, as parts of names. Those that are good words in another sense
 * (`ends`, `place`, `marks`, `half`, `moves`) are not among them: no count of them would say anything.
 */
const PRIVATE_WORDS = [
  ['short', 'way'],
  ['long', 'way'],
  ['away', 'returns'],
  ['due', 'queues'],
  ['standstill'],
  ['engine', 'crew'],
  ['further', 'engine'],
  ['survey'],
  ['fate'],
  ['loan'],
  ['loaned'],
  ['loan'],
  ['brake'],
  ['patience'],
  ['wish'],
  ['halves'],
] as const;

const partsOf = (name: string): string[] =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);

/** Private words in a name. */
export function privateWordsIn(name: string): string[] {
  const parts = partsOf(name);
  return PRIVATE_WORDS.filter((words) =>
    parts.some((_, at) => words.every((word, i) => parts[at + i] === word)),
  ).map((words) => words.join('-'));
}

/** Private words in the names of files and in what the sources declare, each with a place where it stands. */
export function privateWords(files: readonly SourceFile[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const note = (name: string, place: string): void => {
    for (const word of privateWordsIn(name))
      found.set(word, [...(found.get(word) ?? []), `${place} ${name}`]);
  };
  for (const file of files) {
    note(file.path.slice(file.path.lastIndexOf('/') + 1, -'.ts'.length), file.path);
    for (const node of nodesOf(file)) {
      const name = ts.isDeclarationStatement(node) || isNamed(node) ? node.name : undefined;
      if (name !== undefined && (ts.isIdentifier(name) || ts.isPrivateIdentifier(name)))
        note(name.text, placeOf(file, node));
    }
  }
  return found;
}

type Named =
  | ts.VariableDeclaration
  | ts.PropertyDeclaration
  | ts.PropertySignature
  | ts.ParameterDeclaration
  | ts.MethodDeclaration
  | ts.MethodSignature
  | ts.AccessorDeclaration;
const isNamed = (node: ts.Node): node is Named =>
  ts.isVariableDeclaration(node) ||
  ts.isPropertyDeclaration(node) ||
  ts.isPropertySignature(node) ||
  ts.isParameter(node) ||
  ts.isMethodDeclaration(node) ||
  ts.isMethodSignature(node) ||
  ts.isAccessor(node);

/** Functions that know the tag's EtherType: each place that recognises or writes an 802.1Q tag itself. */
export function tagPlaces(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const functions = new Map<ts.Node, string>();
    for (const node of nodesOf(file)) {
      if (!isTagType(node)) continue;
      const owner = ts.findAncestor(node, isFunction);
      if (owner !== undefined) functions.set(owner, placeOf(file, owner));
    }
    return [...functions.values()];
  });
}

/** 0x8100 as a number, in either byte order, or by one of its names. */
function isTagType(node: ts.Node): boolean {
  if (ts.isNumericLiteral(node)) return Number(node.text) === 0x8100 || Number(node.text) === 0x81;
  return (
    ts.isIdentifier(node) &&
    /^(ETHERTYPE_VLAN|ETHERTYPE_8021Q|TPID|VLAN_TPID|TAG_TYPE|ETHERTYPE_TAG)/.test(node.text)
  );
}

/** Packages that a frame goes through. */
const DATA_PATH = /^packages\/(machine|nic|miniport|ddi|ndis|vmbus|netvsc|vswitch|guest)\//;
/** Names of arrays that hold bytes of frames, rather than tables of the stack. */
const BYTES = /(?:^|[.#])(?:\w*(?:bytes|u8|u64|f64|f32)|to|from|source|target|destination)$/i;

/** Functions of the data path with a loop that copies bytes: `to[i] = from[j]`, by the names of the arrays. */
export function copyLoops(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => DATA_PATH.test(path))
    .flatMap((file) => {
      const functions = new Map<ts.Node, string>();
      for (const node of nodesOf(file)) {
        if (!isCopy(file, node) || ts.findAncestor(node, isLoop) === undefined) continue;
        const owner = ts.findAncestor(node, isFunction);
        if (owner !== undefined) functions.set(owner, placeOf(file, owner));
      }
      return [...functions.values()];
    });
}

const isLoop = (node: ts.Node): boolean =>
  ts.isForStatement(node) || ts.isWhileStatement(node) || ts.isDoStatement(node);

function isCopy({ ast }: SourceFile, node: ts.Node): boolean {
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.EqualsToken) return false;
  const value = withoutCasts(node.right);
  if (!ts.isElementAccessExpression(node.left) || !ts.isElementAccessExpression(value)) return false;
  const [to, from] = [node.left, value].map(({ expression }) => expression.getText(ast));
  return to !== from && BYTES.test(to) && BYTES.test(from);
}

function withoutCasts(node: ts.Expression): ts.Expression {
  if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node) || ts.isNonNullExpression(node))
    return withoutCasts(node.expression);
  return node;
}
