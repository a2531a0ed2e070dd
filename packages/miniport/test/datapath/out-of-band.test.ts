/** What the NIC found out about a frame is on its NBL: the verdict, the filter that took it, what it checked. */
import { NDIS_PACKET_TYPE_PROMISCUOUS } from '@vmq/abi';
import type { NetBufferList } from '@vmq/ddi';
import {
  ADDRESS_RULES,
  COMPLETION_BYTES,
  REG,
  RX_QUEUE_STRIDE,
  RXC_IPCS_BAD,
  RXC_IPCS_OK,
  RXC_L4CS_BAD,
  RXC_L4CS_OK,
  VERDICT_ETHERTYPE_SHIFT,
  VERDICT_RULE_SHIFT,
} from '@vmq/nic';
import { expect, it } from 'vitest';
import { receiveChecksumInfo } from '../../src/model/checksum-info.ts';
import { type Bench, createBench, frame, packetFilter, runningQueue } from '../bench.test-support.ts';

const BROADCAST = [255, 255, 255, 255, 255, 255];

/** The NBLs that the protocol got for these frames. */
function received(bench: Bench, ...frames: readonly Uint8Array[]): NetBufferList[] {
  const before = bench.frames.length;
  bench.receive(...frames);
  expect(bench.frames.length).toBe(before + frames.length);
  return [0, 1].flatMap((processor) => bench.path(processor).held.splice(0));
}

it('the verdict of the completion: queue, address rule or filter slot, EtherType', () => {
  const bench = createBench();
  packetFilter(bench, NDIS_PACKET_TYPE_PROMISCUOUS);
  const { queueId } = runningQueue(bench, 1);
  bench.holding.add(0).add(queueId);
  const nbls = received(bench, frame(1), frame(BROADCAST), frame(1, { tci: 5 }));
  const told = nbls.map(({ receiveVerdict, filterSlot }) => ({
    queue: receiveVerdict & 0xff,
    rule: ADDRESS_RULES[(receiveVerdict >>> VERDICT_RULE_SHIFT) & 0xff],
    filterSlot,
    etherType: receiveVerdict >>> VERDICT_ETHERTYPE_SHIFT,
  }));
  const etherType = 0x88b5;
  expect(told.sort((x, y) => y.queue - x.queue)).toEqual([
    { queue: queueId, rule: 'not asked', filterSlot: 0, etherType },
    { queue: 0, rule: 'broadcast (BAM)', filterSlot: -1, etherType },
    { queue: 0, rule: 'unicast promiscuous (UPE)', filterSlot: -1, etherType },
  ]);
});

it('checksum results of the completion; none of the frame before', () => {
  const bench = createBench();
  const { queueId } = runningQueue(bench, 1);
  bench.holding.add(queueId);
  const { i32 } = bench.machine.memory.host;
  const completions = bench.registers.read32(REG.RCBASE + queueId * RX_QUEUE_STRIDE) >> 2;
  const results = [RXC_IPCS_OK | RXC_L4CS_OK, 0, RXC_IPCS_BAD];
  const infos = results.map((result, position) => {
    bench.put(frame(1));
    // The device checks nothing for this driver, so the test stands in for it before the processor looks.
    bench.executor.runUntil(
      () => bench.registers.read32(REG.RDH + queueId * RX_QUEUE_STRIDE) === position + 1,
    );
    i32[completions + position * (COMPLETION_BYTES >> 2)] |= result;
    bench.settle();
    const nbls = bench.path(0).held.slice();
    bench.on(0, (path) => path.giveBack(nbls));
    bench.settle();
    return nbls.map(({ checksumInfo }) => checksumInfo);
  });
  expect(infos).toEqual([[0b111000], [0], [0b000100]]);
});

it('a layer-4 result is stated for TCP and UDP, for the completion does not tell them apart', () => {
  const results = [0, RXC_IPCS_OK | RXC_L4CS_OK, RXC_IPCS_OK | RXC_L4CS_BAD, RXC_IPCS_BAD];
  expect(results.map(receiveChecksumInfo)).toEqual([0, 0b111000, 0b100011, 0b000100]);
});
