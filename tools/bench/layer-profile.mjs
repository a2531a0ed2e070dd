// Who takes the time: a V8 CPU profile of this process, its samples laid out by package and by side.
//
// By side: whose turn it is. A sample belongs to the first of these on its stack, seen from the bottom:
//   host       a processor's turn: interrupts, DPCs, miniport, NDIS, switch, the host's end of the channels
//   device     the NIC's turn
//   guest      a VM's turn
//   executor   the rest: choosing who is next, the benchmark's own loop
// By package: where the code of the sample's innermost function stands (inlined functions count as themselves).
import { Session } from 'node:inspector';

const PACKAGE = /\/packages\/([^/]+)\/(?:dist|src)\/(.*)$/;
const PROCESSOR = /\/machine\/(?:dist|src)\/processor\.|\/host\/(?:dist|src)\/processor-agent\./;

/** Starts before the code to be profiled is compiled, so that inlined functions are known. */
export function startProfiler(intervalMicroseconds = 100) {
  const session = new Session();
  session.connect();
  // In the same thread the answers come before post() returns.
  const post = (method, parameters = {}) => {
    let answer;
    session.post(method, parameters, (error, result) => {
      if (error) throw new Error(`${method}: ${error.message}`);
      answer = result;
    });
    return answer;
  };
  post('Profiler.enable');
  post('Profiler.setSamplingInterval', { interval: intervalMicroseconds });
  post('Profiler.start');
  return {
    /** Forgets what was sampled so far. */
    restart() {
      post('Profiler.stop');
      post('Profiler.start');
    },
    stop() {
      const { profile } = post('Profiler.stop');
      session.disconnect();
      return sharesOf(profile);
    },
  };
}

/**
 * Shares of the samples taken while something was measured, 0 to 1:
 * `{ sides: { host, … }, layers: { 'host/vswitch': … }, samples }`.
 */
export function sharesOf({ nodes, samples }) {
  const counts = new Map();
  for (const id of samples) counts.set(id, (counts.get(id) ?? 0) + 1);
  const parents = new Map();
  for (const { id, children = [] } of nodes) for (const child of children) parents.set(child, id);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const sideOf = (id) => {
    const parent = parents.get(id);
    const above = parent === undefined ? 'executor' : sideOf(parent);
    if (above !== 'executor') return above;
    const { url } = byId.get(id).callFrame;
    if (PROCESSOR.test(url)) return 'host';
    const name = PACKAGE.exec(url)?.[1];
    return name === 'nic' ? 'device' : name === 'guest' ? 'guest' : 'executor';
  };
  const isWithin = (id, name) =>
    id !== undefined && (byId.get(id).callFrame.functionName === name || isWithin(parents.get(id), name));
  const sides = {};
  const layers = {};
  let total = 0;
  for (const [id, count] of counts) {
    const { functionName, url } = byId.get(id).callFrame;
    // The collector and native code have no stack of their own.
    const isMeasured = isWithin(id, 'measure') && !isWithin(id, 'controlLoop');
    if (!isMeasured && functionName !== '(garbage collector)' && functionName !== '(program)') continue;
    total += count;
    const side = sideOf(id);
    const name = PACKAGE.exec(url)?.[1] ?? (functionName === '(garbage collector)' ? 'garbage' : 'other');
    sides[side] = (sides[side] ?? 0) + count;
    layers[`${side}/${name}`] = (layers[`${side}/${name}`] ?? 0) + count;
  }
  const fraction = (object) =>
    Object.fromEntries(
      Object.entries(object)
        .sort((a, b) => b[1] - a[1])
        .map(([name, count]) => [name, count / total]),
    );
  return { sides: fraction(sides), layers: fraction(layers), samples: total };
}
