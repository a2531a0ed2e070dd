/** Opens one output file for each VM before the replay begins, so that what cannot be written is said at once. */
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { HostConfig } from '@vmq/host';
import { CannotRun, systemMessage } from '../exit-code.ts';
import { VmOutput } from './vm-output.ts';

/** Outputs by VM name. Throws {@link CannotRun} if the directory or a file cannot be written. */
export function openOutputs(
  directory: string,
  config: HostConfig,
  captureIdentity: string,
): Map<string, VmOutput> {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw new CannotRun(`${directory}: cannot create the output directory: ${systemMessage(error)}`);
  }
  const outputs = new Map<string, VmOutput>();
  const names = fileNames(config.vms.map((vm) => vm.name));
  config.vms.forEach((vm, i) => {
    const path = join(directory, names[i] as string);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats !== undefined && `${stats.dev}:${stats.ino}` === captureIdentity) {
      throw new CannotRun(`${path}: is the capture being replayed; choose another --out directory`);
    }
    try {
      outputs.set(vm.name, new VmOutput(path, vm));
    } catch (error) {
      for (const output of outputs.values()) output.close();
      throw new CannotRun(`${path}: cannot write: ${systemMessage(error)}`);
    }
  });
  return outputs;
}

/**
 * File names for VM names: anything but letters, digits, `.`, `-` and `_` becomes `_`, so that a name is never a
 * path; equal ones (also on file systems that ignore case) get a number.
 */
export function fileNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const base = name.replace(/[^\p{L}\p{N}._-]/gu, '_').replace(/^\./, '_');
    let candidate = base;
    for (let n = 2; taken.has(candidate.toLowerCase()); n++) candidate = `${base}-${n}`;
    taken.add(candidate.toLowerCase());
    return `${candidate}.pcapng`;
  });
}
