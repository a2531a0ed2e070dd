/**
 * Hostile guests: virtual machines that have nothing but their own memory, their channel's signal and the hypercalls,
 * and do with them whatever may hurt.
 *
 * {@link HOSTILE_BEHAVIOURS} names what they do and what a host is to make of it. {@link createHostileGuestAgent} is an
 * ordinary guest until `executor.post('vm:NAME', { op: 'attack', behaviour, seed })` and a publication; a VM whose
 * `guestProgram` is such a message attacks by itself. {@link hostileWorker} is the entry file for threads.
 */
export type { HostileAttack, HostileBehaviour } from './behaviour.ts';
export { HOSTILE_BEHAVIOURS } from './behaviours.ts';
export { createHostileGuestAgent } from './hostile-guest-agent.ts';

/** Entry file of the worker threads; Node's workers need the built one. */
export function hostileWorker(): URL {
  const isSource = import.meta.url.endsWith('.ts');
  return new URL(isSource ? '../../dist/hostile/hostile-worker.js' : './hostile-worker.js', import.meta.url);
}
