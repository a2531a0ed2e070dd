/** The device to those outside it: names of its agents, what they are made with, what they may be told. */
import type { DmaDomainImage, FrameRingImage } from '@vmq/machine';
import type { NicProfile } from '../registers/profiles.ts';
import type { DeviceFault } from './device-faults.ts';

/**
 * Name of the device's agent on the machine, and of its factory. Whoever puts frames into the rx ring or takes
 * frames off the tx ring calls `machine.board.wake(machine.agent(NIC_AGENT))` after publishing or releasing.
 */
export const NIC_AGENT = 'nic';

/**
 * Name of the agent of receive engine `engine`: {@link NIC_AGENT}, `nic:1`, `nic:2` … The machine must number them one
 * after the other. All are started with the same factory, and data that differ in `engine`.
 */
export function nicEngineAgent(engine: number): string {
  return engine === 0 ? NIC_AGENT : `${NIC_AGENT}:${engine}`;
}

export interface NicAgentData {
  readonly profile: NicProfile;
  /** Segment id of the BAR; see `createNicBar`. */
  readonly bar: number;
  /** What the device may reach. */
  readonly dma: DmaDomainImage;
  /** Wire to device: a ring with as many consumers as there are receive engines. */
  readonly rx: FrameRingImage;
  /** Device to wire. */
  readonly tx: FrameRingImage;
  /** Agents to wake when frames were taken off the rx ring or put into the tx ring. */
  readonly wakeOnReceive?: string;
  readonly wakeOnTransmit?: string;
  /** Number of the receive engine that this agent is; default 0, which is the device. */
  readonly engine?: number;
  /** Most frames that an engine takes, and the device sends, in a turn; default and most: {@link NIC_BATCH}. */
  readonly batch?: number | undefined;
}

/** What the control path may post to the device's agent. */
export type NicMessage =
  /**
   * The domain reaches segments it did not reach before. Rights within known segments need no message. This one is for
   * the agent of every receive engine, the others for {@link NIC_AGENT} alone.
   */
  | { readonly op: 'dma'; readonly image: DmaDomainImage }
  /** Plugs the cable in or out. */
  | { readonly op: 'link'; readonly up: boolean }
  /**
   * Puts the device into D3 or back into D0. Off, it does nothing and answers nothing; on again, every register has
   * its power-on value.
   */
  | { readonly op: 'power'; readonly on: boolean }
  /** Something goes wrong inside the device, or (`none`) does no more. */
  | { readonly op: 'fault'; readonly fault: DeviceFault }
  /** Pulls the card out: it answers nothing, and the cable goes with it. */
  | { readonly op: 'remove' }
  /** Puts another card of the same kind in its place, powered up, with the cable in it. */
  | { readonly op: 'insert' };
