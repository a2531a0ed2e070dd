/**
 * The agent of a virtual machine: its one virtual processor, on which a guest is started, stopped and ended.
 *
 *            boot              pause
 *   empty ────────> running <─────────> paused          halt, from anywhere: empty
 *                      └──── resume ─────┘              boot, from anywhere: running, another guest
 *
 * A message takes effect before `executor.publish()` returns: then a paused guest is between two batches, has counted
 * and shown the host all it did, and its memory is the host's to read.
 */
import type { Agent, AgentContext } from '@vmq/machine';
import type { GuestAgentData, GuestMessage, VirtualMachineMessage } from '../endpoint/endpoint-config.ts';
import { Guest } from './guest-agent.ts';

/** Makes a VM's agent; `data` survived a structured clone. Null: nothing runs until a `boot`. */
export function createGuestAgent(context: AgentContext, data: GuestAgentData | null): Agent {
  return new VirtualMachine(context, data);
}

class VirtualMachine implements Agent {
  readonly #context: AgentContext;
  #guest: Guest | null;
  #paused = false;
  /** For the guest, when it goes on. */
  #kept: GuestMessage[] = [];

  constructor(context: AgentContext, data: GuestAgentData | null) {
    this.#context = context;
    this.#guest = data === null ? null : new Guest(context, data);
  }

  step(): boolean {
    return this.#paused || this.#guest === null ? false : this.#guest.step();
  }

  refresh(messages: readonly unknown[]): void {
    for (const message of messages as readonly (GuestMessage | VirtualMachineMessage)[]) this.#take(message);
    if (this.#paused || this.#kept.length === 0) return;
    this.#guest?.refresh(this.#kept);
    this.#kept = [];
  }

  #take(message: GuestMessage | VirtualMachineMessage): void {
    switch (message.op) {
      case 'pause':
        this.#paused = true;
        return;
      case 'resume':
        this.#paused = false;
        return;
      case 'boot':
      case 'halt':
        this.#guest = message.op === 'boot' ? new Guest(this.#context, message.data) : null;
        this.#paused = false;
        this.#kept = [];
        return;
      default:
        this.#kept.push(message);
    }
  }
}
