/**
 * Room for VMs on a machine: an agent and a segment of memory each. A machine can make more of them but take none
 * away, so a slot outlives its VM and is the next one's.
 */
import type { FrameRingImage, Machine, MemorySegment } from '@vmq/machine';

export interface PartitionSlot {
  /** Name of the agent: `vm:` and the name of the VM that is here. */
  agent: string;
  /** Its partition's memory: all zero when the slot is taken. */
  segment: MemorySegment;
  /** Rings of the guests' programs here, made for the first that has one and emptied for each that comes after. */
  record: FrameRingImage | null;
  source: FrameRingImage | null;
  /** The agent has been started; another guest is booted on it. */
  isStarted: boolean;
}

/** Name of a VM's agent on the machine. */
export const vmAgentName = (vmName: string): string => `vm:${vmName}`;

export class PartitionSlots {
  readonly #machine: Machine;
  readonly #free: PartitionSlot[] = [];
  /** Memory that a slot had before it got some of another size, all zero: segments are for ever, and used again. */
  readonly #spare: MemorySegment[] = [];

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** A slot with `bytes` bytes of memory, or why there is none. */
  take(vmName: string, bytes: number): PartitionSlot | string {
    const machine = this.#machine;
    const agent = vmAgentName(vmName);
    const fits = this.#free.findIndex(({ segment }) => segment.byteLength === bytes);
    const [slot] = this.#free.splice(Math.max(fits, 0), 1);
    if (slot === undefined) {
      const known = machine.agentNames.includes(agent);
      if (!known && machine.agentNames.length >= machine.traceImage.agents)
        return 'the machine has no agent left';
      if (!known) machine.addAgent(agent);
      return { agent, segment: this.#segment(agent, bytes), record: null, source: null, isStarted: false };
    }
    if (slot.segment.byteLength !== bytes) {
      this.#spare.push(slot.segment);
      slot.segment = this.#segment(agent, bytes);
    }
    machine.renameAgent(machine.agent(slot.agent), agent);
    slot.agent = agent;
    return slot;
  }

  #segment(agent: string, bytes: number): MemorySegment {
    const at = this.#spare.findIndex(({ byteLength }) => byteLength === bytes);
    const [spare] = at < 0 ? [] : this.#spare.splice(at, 1);
    return spare ?? this.#machine.memory.addSegment(agent, bytes);
  }

  /** The VM is gone and nobody uses its memory any more. SEC-08: the next one finds nothing of it. */
  release(slot: PartitionSlot): void {
    slot.segment.u64.fill(0n); // 8 bytes at a time: shared memory is filled element by element
    const { agentNames } = this.#machine;
    let name = 'vm:';
    for (let n = 1; agentNames.includes(name); n++) name = `vm: ${n}`;
    this.#machine.renameAgent(this.#machine.agent(slot.agent), name);
    slot.agent = name;
    this.#free.push(slot);
  }
}
