// Circles of folders.

/** Folders that import each other, directly or by way of others; each list is one such knot, in alphabetical order. */
export function knots(graph: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const reached = new Map([...graph.keys()].map((node) => [node, reachable(node, graph)]));
  const found = new Map<string, string[]>();
  for (const [node, others] of reached) {
    const knot = [...others].filter((other) => reached.get(other)?.has(node) === true).sort();
    if (knot.length > 1) found.set(knot.join(), knot);
  }
  return [...found.values()];
}

/** Where one gets from `start`, itself only if there is a way back. */
function reachable(start: string, graph: ReadonlyMap<string, ReadonlySet<string>>): ReadonlySet<string> {
  const seen = new Set<string>();
  const open = [...(graph.get(start) ?? [])];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    open.push(...(graph.get(node) ?? []));
  }
  return seen;
}
