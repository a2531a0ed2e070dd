// Configurations given to checkHostConfig as programs give them; some of those it takes are brought up as hosts.
import { createHost, type HostConfig } from '@vmq/host';
import { NIC_PROFILES } from '@vmq/nic';
import {
  type ConfigResult,
  checkHostConfig,
  checkVmConfig,
} from '../../../../../packages/host/dist/config/check-config.js';
import type { Chance, Instance, Note, Target } from '../../target.ts';
import { anything, changedConfig, VALID_CONFIG } from './any-config.ts';

/** Hosts that one instance brings up: each takes as long as a thousand checks. */
const MOST_HOSTS = 3;

function show(value: unknown): string {
  try {
    return (
      JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner)) ??
      String(value)
    );
  } catch {
    return String(value);
  }
}

const inRange = (value: number, low: number, high: number): boolean =>
  Number.isInteger(value) && value >= low && value <= high;

function isWhole(config: HostConfig): boolean {
  return (
    inRange(config.processors, 1, 64) &&
    inRange(config.nic.jumboPacket, 60, 16_000) &&
    inRange(config.nic.receiveBuffers, 32, 1024) &&
    Object.hasOwn(NIC_PROFILES, config.nic.profile) &&
    config.vms.length <= 64 &&
    config.vms.every(({ vlan, vmqWeight }) => inRange(vlan, 0, 4094) && inRange(vmqWeight, 0, 100)) &&
    new Set(config.vms.map(({ name }) => name)).size === config.vms.length
  );
}

/** What came out, by name. Throws for a result that is neither a whole configuration nor named problems. */
export function checkResult(result: ConfigResult): string {
  if (result.ok) {
    if (!isWhole(result.config)) throw new Error(`taken, but it is no configuration: ${show(result.config)}`);
    return 'taken';
  }
  const { problems } = result;
  if (problems.length === 0) throw new Error('refused without a problem');
  for (const { path, message } of problems)
    if (typeof path !== 'string' || typeof message !== 'string' || message === '')
      throw new Error(`a problem without a name: ${JSON.stringify({ path, message })}`);
  const key = /^[a-zA-Z]*/.exec(problems[0].path)?.[0] ?? '';
  return Object.hasOwn(VALID_CONFIG, key) ? `refused: ${key}` : 'refused: another key, or no keys at all';
}

/** The first VM of a configuration, where it has any; else the value itself. */
function vmOf(input: unknown): unknown {
  if (typeof input !== 'object' || input === null || !('vms' in input)) return input;
  return Array.isArray(input.vms) ? input.vms[0] : input;
}

/** What was taken must come up, and must bring a frame to its end. */
async function bringUp(config: HostConfig): Promise<string> {
  const made = createHost(config, {});
  const frame = new Uint8Array(60);
  frame.set([0x00, 0x15, 0x5d, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0]);
  made.wire.send(frame, 0, 60);
  made.wire.flush();
  made.runUntilIdle();
  const { ledger } = made.inspect();
  if (ledger.received !== 1 || ledger.inFlight !== 0)
    throw new Error(`the ledger: ${JSON.stringify(ledger)}`);
  await made.stop();
  return 'brought up';
}

class Configurations implements Instance {
  readonly #note: Note;
  #hosts = 0;

  constructor(note: Note) {
    this.#note = note;
  }

  one(random: Chance): string | Promise<string> {
    const input = random.once(8) ? anything(random) : changedConfig(random, random.below(4));
    const before = show(input);
    this.#note(before);
    const result = checkHostConfig(input);
    if (show(input) !== before) throw new Error('the input was changed');
    if (Object.keys(Object.prototype).length !== 0) throw new Error('Object.prototype was changed');
    const outcome = checkResult(result);
    const vm = checkVmConfig(vmOf(input));
    if (!vm.ok && vm.problems.length === 0) throw new Error('a VM refused without a problem');
    const mayComeUp = result.ok && this.#hosts < MOST_HOSTS && random.once(200);
    if (!mayComeUp || result.config.executor !== 'deterministic') return outcome;
    this.#hosts++;
    return bringUp(result.config);
  }
}

export const hostConfig: Target = {
  name: 'host-config',
  about: 'configurations given to checkHostConfig; some of those it takes are brought up as hosts',
  perSession: 5000,
  open: (_random, note) => new Configurations(note),
};
