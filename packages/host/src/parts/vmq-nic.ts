/** The repository's own NIC as a part of a host. */
import {
  attachNicRegisters,
  createNicBar,
  NIC_DROP_REASONS,
  type NicAgentData,
  type NicProfile,
  REG,
  RX_QUEUE_STRIDE,
} from '@vmq/nic';
import type { NicPart, NicQueueCounters, NicSlot, PluggedNic } from './adapter-part.ts';

/** Name of the NIC's agent factory, which every worker of a host knows. */
const NIC_FACTORY = 'nic';

/** The NIC of `@vmq/nic` with a profile of its own or of one's own. */
export function vmqNic(profile: NicProfile): NicPart {
  return {
    model: profile.name,
    // Each needs a transmit queue of its own, of which there are as many as receive queues, and an MSI-X entry besides the
    // default queue's.
    mostProcessors: Math.min(profile.queues + 1, profile.msixEntries - 1),
    msixTableEntries: profile.msixEntries,
    dropReasons: NIC_DROP_REASONS,
    plugIn: (slot) => plugIn(profile, slot),
  };
}

function plugIn(profile: NicProfile, { machine, agents, rx, tx, dma, wake, batch }: NicSlot): PluggedNic {
  const bar = createNicBar(machine, { profile, receiveEngines: agents.length });
  const registers = attachNicRegisters(bar, wake);
  return {
    bar,
    agents: agents.map((name, engine) => {
      const data: NicAgentData = { profile, bar: bar.id, dma, rx, tx, engine, batch };
      return { name, factory: NIC_FACTORY, data };
    }),
    msixTableOffset: REG.MSIXADDRLO,
    write32: (offset, value) => registers.write32(offset, value),
    queueCounters(queueId): NicQueueCounters {
      const at = queueId * RX_QUEUE_STRIDE;
      const counter = (low: number, high: number = low + 4): number =>
        registers.read32(high + at) * 0x1_0000_0000 + registers.read32(low + at);
      return {
        frames: counter(REG.RXPKTLO),
        bytes: counter(REG.RXBYTLO),
        droppedNoDescriptor: counter(REG.RXDROP, REG.RXDROPHI),
      };
    },
  };
}
