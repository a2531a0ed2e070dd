/**
 * Checks a configuration from anywhere. Unknown keys and keywords, duplicate addresses, values out of range and keys that
 * contradict each other are refused with the path of the key, so a typo never silently becomes a default.
 */
import { HOST_CONFIG_KEYS, type HostConfig, type VmConfig } from './config.ts';
import { checkAgreement, idleSettings, settled } from './config-agreement.ts';
import { type ConfigProblem, problemsOf, wording } from './config-problems.ts';
import { vmsSchema, writtenConfigSchema } from './config-schema.ts';

export type ConfigResult =
  | {
      readonly ok: true;
      readonly config: HostConfig;
      /** What was said and has no effect, and why. */
      readonly notes: readonly ConfigProblem[];
    }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

const schema = writtenConfigSchema(checkAgreement);

/** Paths of all keys, those around others included. */
const KNOWN: readonly string[] = [
  ...new Set(
    Object.keys(HOST_CONFIG_KEYS).flatMap((path) => {
      const key = path.replace(/\[\]$/, '');
      const [first = key] = key.split(/[.[]/);
      return [first, key];
    }),
  ),
];

/** Checks a configuration, also one that was checked before, which comes out the same. Never throws. */
export function checkHostConfig(input: unknown): ConfigResult {
  const result = schema.safeParse(input, { error: wording });
  if (!result.success) return { ok: false, problems: problemsOf(result.error.issues, KNOWN) };
  const config = settled(result.data);
  return { ok: true, config, notes: idleSettings(result.data, config) };
}

export type VmConfigResult =
  | { readonly ok: true; readonly vm: VmConfig }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

const VM_KEYS: readonly string[] = KNOWN.filter((path) => path.startsWith('vms[].')).map((path) =>
  path.slice(6),
);

/** Checks one VM. Never throws. */
export function checkVmConfig(input: unknown): VmConfigResult {
  const result = vmsSchema.safeParse([input], { error: wording });
  if (result.success) return { ok: true, vm: result.data[0] };
  const issues = result.error.issues.map((issue) => ({ ...issue, path: issue.path.slice(1) }));
  return { ok: false, problems: problemsOf(issues, VM_KEYS) };
}
