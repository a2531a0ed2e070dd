// Which source files a frame enters, by V8's own precise coverage: the files of packages that have a function which
// ran for the frame and did not run while the same machine was idle.
//
//   warm up ──> idle, several times ──> begin ──> turn by turn: functions(turn) − functions(idle) ──> files
//
// The idle run is what tells a frame's own path from the loop that waits for it: it should give every agent a turn with
// nothing to do. Coverage counts calls, and calls alone: whether a function was inlined does not matter (V8 does not
// optimize while it counts), constants of other files that were read do not show.
import { type Profiler, Session } from 'node:inspector';

/** A file of a package, as `packages/nic/src/receive/receive-unit.ts`, whether it ran as source or as built. */
export interface EnteredFile {
  readonly file: string;
  /** Names of its functions that ran; functions without a name stand as `(line N)` of the file that ran. */
  readonly functions: readonly string[];
}

/** What is done while coverage counts; everything is synchronous. */
export interface Run {
  /** Gives every agent a turn with nothing to do. */
  idle(): void;
  /** Puts the frame where its way begins; what runs for that does not count. */
  begin(): void;
  /** One turn of one agent; false if there was nothing to do. */
  turn(): boolean;
}

/** Runs before coverage counts: what is done only the first time is not the frame's way. */
const WARM_UP = 3;
/** Idle runs whose functions do not count. */
const IDLE_RUNS = 3;

/** A function that ran: its name, or where it begins if it has none. */
interface RanFunction {
  readonly name: string;
  readonly scriptId: string;
  readonly startOffset: number;
}

/** How vitest hands out what a module exports: `() => { try { return name } catch {} }`. */
const EXPORT_GETTER = /^\(\)\s*=>\s*\{\s*try\s*\{\s*return [\w$.]+;?\s*\}\s*catch\s*\{\s*\}\s*\}$/;

/** Functions that ran, by file. A function's key is its place in the file. */
type Ran = Map<string, Map<string, RanFunction>>;

/** A function that a frame enters, where a debugger can find it. */
export interface EnteredFunction extends RanFunction {
  readonly file: string;
}

/** The files that each turn enters and idle turns do not; in a turn by their names. */
export function enteredByTurn(run: Run): EnteredFile[][] {
  return ranByTurn(run)
    .map((ran) =>
      [...ran]
        .map(([file, functions]): EnteredFile => {
          return { file, functions: [...functions.values()].map(({ name }) => name).sort() };
        })
        .sort((x, y) => (x.file < y.file ? -1 : 1)),
    )
    .filter((files) => files.length > 0);
}

/** The functions themselves, of all turns; those that several turns enter stand there several times. */
export function enteredFunctions(run: Run): EnteredFunction[] {
  return ranByTurn(run).flatMap((ran) =>
    [...ran].flatMap(([file, functions]) => [...functions.values()].map((ranOne) => ({ file, ...ranOne }))),
  );
}

/** Functions that ran in each turn and not in idle ones. */
function ranByTurn({ idle, begin, turn }: Run): Ran[] {
  for (let n = 0; n < WARM_UP; n++) {
    idle();
    begin();
    while (turn());
  }
  const coverage = new CallCoverage();
  try {
    const atRest: Ran = new Map();
    for (let n = 0; n < IDLE_RUNS; n++) {
      idle();
      add(atRest, coverage.take());
    }
    begin();
    coverage.take();
    const turns: Ran[] = [];
    while (turn()) turns.push(without(coverage.take(), atRest));
    return turns;
  } finally {
    coverage.stop();
  }
}

/** The files that one synchronous action enters: a request, say, or a question to an explanation. */
export function enteredBy(idle: () => void, act: () => void): EnteredFile[] {
  let isDone = false;
  const turns = enteredByTurn({
    idle,
    begin: () => {
      isDone = false;
    },
    turn() {
      if (isDone) return false;
      act();
      isDone = true;
      return true;
    },
  });
  return inAll(turns);
}

/** The files of some turns together, each in the turn that enters it first. */
export function inAll(turns: readonly (readonly EnteredFile[])[]): EnteredFile[] {
  const functions = new Map<string, Set<string>>();
  for (const { file, functions: names } of turns.flat()) {
    const known = functions.get(file) ?? new Set<string>();
    for (const name of names) known.add(name);
    functions.set(file, known);
  }
  return [...functions].map(([file, names]) => ({ file, functions: [...names].sort() }));
}

/**
 * The turns up to the one that first enters a file of package `name`: for a received frame and the package `guest`, its
 * way in. What comes behind is the way of the memory back to the device.
 */
export function upToPackage(turns: readonly (readonly EnteredFile[])[], name: string): EnteredFile[][] {
  const last = turns.findIndex((files) => files.some(({ file }) => file.startsWith(`packages/${name}/`)));
  return turns.slice(0, last + 1).map((files) => [...files]);
}

/** The turns behind those of {@link upToPackage}. */
export function behindPackage(turns: readonly (readonly EnteredFile[])[], name: string): EnteredFile[][] {
  return turns.slice(upToPackage(turns, name).length).map((files) => [...files]);
}

function add(all: Ran, more: Ran): void {
  for (const [file, functions] of more) {
    const known: Map<string, RanFunction> = all.get(file) ?? new Map();
    for (const [key, ranOne] of functions) known.set(key, ranOne);
    all.set(file, known);
  }
}

function without(ran: Ran, atRest: Ran): Ran {
  const left: Ran = new Map();
  for (const [file, functions] of ran) {
    const own = [...functions].filter(([key]) => atRest.get(file)?.has(key) !== true);
    if (own.length > 0) left.set(file, new Map(own));
  }
  return left;
}

/** Counts the calls of all functions of packages, from its making until it is stopped. */
class CallCoverage {
  readonly #session = new Session();
  readonly #sources = new Map<string, string>();

  constructor() {
    this.#session.connect();
    this.#session.post('Debugger.enable');
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    this.take();
  }

  /** Functions called since the last time. */
  take(): Ran {
    const ran: Ran = new Map();
    for (const { url, scriptId, functions } of this.#counts()) {
      const file = sourceFileOf(url);
      if (file === null) continue;
      const called = functions.filter((one) => one.ranges[0].count > 0 && this.#isOwn(one, scriptId));
      if (called.length > 0) ran.set(file, new Map(called.map((one) => ranFunction(one, scriptId))));
    }
    return ran;
  }

  /** Neither the function around a module's code, nor one by which a test runner hands out an exported value. */
  #isOwn({ functionName, ranges: [whole] }: Profiler.FunctionCoverage, scriptId: string): boolean {
    if (functionName !== '') return true;
    if (whole.startOffset === 0) return false;
    const text = this.#source(scriptId).slice(whole.startOffset, whole.endOffset);
    return !EXPORT_GETTER.test(text);
  }

  #source(scriptId: string): string {
    const known = this.#sources.get(scriptId);
    if (known !== undefined) return known;
    let source = '';
    this.#session.post('Debugger.getScriptSource', { scriptId }, (error, { scriptSource }) => {
      if (error !== null) throw error;
      source = scriptSource;
    });
    this.#sources.set(scriptId, source);
    return source;
  }

  stop(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.post('Debugger.disable');
    this.#session.disconnect();
  }

  /** The session is of this thread: it answers before `post` returns. */
  #counts(): readonly Profiler.ScriptCoverage[] {
    let counts: readonly Profiler.ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) throw error;
      counts = result;
    });
    return counts;
  }
}

function ranFunction(
  { functionName, ranges: [{ startOffset, endOffset }] }: Profiler.FunctionCoverage,
  scriptId: string,
): [key: string, ran: RanFunction] {
  const name = functionName === '' ? `(at ${startOffset})` : functionName;
  return [`${startOffset}-${endOffset}`, { name, scriptId, startOffset }];
}

/** `packages/P/src/X.ts` of a script that ran as source or as built; null for one of no package, and for its tests. */
export function sourceFileOf(url: string): string | null {
  const found = /(?:^|\/)packages\/([^/]+)\/(?:src|dist)\/(.+?)\.(?:ts|js)(?:\?.*)?$/.exec(url);
  if (found === null || found[2].includes('.test')) return null;
  return `packages/${found[1]}/src/${found[2]}.ts`;
}
