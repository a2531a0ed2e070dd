/**
 * How objects with private state print: as what they stand for, not as what they are made of.
 *
 *   console.log(machine.ledger)   { received: 3, …, ends: { delivered: 2, transmitted: 0, dropped: { … } } }
 */

/** The name under which `console.log` and `util.inspect` of Node ask an object for its own form. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/**
 * Has `target`, or all objects that have it as their prototype, print as what `show` gives: text as it is, other values
 * as Node prints them. `show` must leave the object as it is. Returns `target`.
 */
export function printAs<T extends object>(target: T, show: (object: T) => unknown): T {
  const form = function (this: T): unknown {
    return show(this);
  };
  return Object.defineProperty(target, INSPECT, { value: form });
}
