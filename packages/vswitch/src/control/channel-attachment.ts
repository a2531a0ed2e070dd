/**
 * What a port's channel needs of a processor, from when it is attached until it is detached:
 *
 *   attach   processor chosen ─> its send buffers ─> an interrupt vector ─> the guest's signals aimed there
 *   detach   signals to nobody ─> published: no data path has the channel ─> vector and processor given back
 *
 * The data paths learn of an attached channel with the next publication, which is the caller's.
 */

import { NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { MOST_TAG_BYTES } from '@vmq/machine';
import type { ChannelControl } from '@vmq/netvsc';
import type { SwitchPort } from '../model/switch-port.ts';
import type { ProcessorAssignment } from '../vmq/processor-assignment.ts';
import type { Publication } from './publication.ts';
import type { SwitchResult } from './virtual-switch.ts';

export interface ChannelAttachmentParts {
  readonly publication: Publication;
  /** Shares the channels out among the processors. */
  readonly load: ProcessorAssignment;
  /** Largest frame a channel may have, in bytes. */
  readonly sendBufferBytes: number;
  publish(): void;
}

const refuse = (status: number, reason: string): SwitchResult => ({ status, reason });

export class ChannelAttachment {
  readonly #parts: ChannelAttachmentParts;

  constructor(parts: ChannelAttachmentParts) {
    this.#parts = parts;
  }

  /** In place of the port's channel, if it has one. SUCCESS, RESOURCES; INVALID_PARAMETER for an unfit channel. */
  attach(port: SwitchPort, channel: ChannelControl): SwitchResult {
    const { publication, load, sendBufferBytes } = this.#parts;
    if (!channel.isOpen)
      return refuse(NDIS_STATUS_INVALID_PARAMETER, `channel ${channel.channel} is ${channel.phase}`);
    const image = channel.image();
    if (image.maxFrameBytes + MOST_TAG_BYTES > sendBufferBytes) {
      const reason = `channel ${channel.channel}: frames of ${image.maxFrameBytes} bytes and ${MOST_TAG_BYTES} of tags, send buffers of ${sendBufferBytes}`;
      return refuse(NDIS_STATUS_INVALID_PARAMETER, reason);
    }
    this.detach(port);
    let processor = load.take(port.nic?.processor ?? null);
    let lacking = publication.ensureSendBuffers(processor);
    if (lacking !== '') {
      // Memory is short: a processor that can send already will do. A cancelled migration gives a VM its channel back so.
      const able = this.#ableToSend();
      if (able !== null) {
        load.give(processor);
        processor = load.take(able);
        lacking = '';
      }
    }
    const vector = lacking === '' ? publication.takeVector(processor) : -1;
    if (vector < 0) {
      load.give(processor);
      return refuse(NDIS_STATUS_RESOURCES, lacking || `processor ${processor} has no interrupt vector left`);
    }
    port.channel = channel;
    port.channelImage = image;
    port.channelGeneration++;
    port.channelProcessor = processor;
    port.channelVector = vector;
    publication.numbers.reset(port.id, channel.report().framesToGuest);
    channel.setSignalTarget(processor, vector);
    return { status: NDIS_STATUS_SUCCESS };
  }

  /** The least loaded processor that has send buffers, or null. */
  #ableToSend(): number | null {
    const { publication, load } = this.#parts;
    const able = load.processors.filter((processor) => publication.hasSendBuffers(processor));
    return able.sort((a, b) => load.loadOf(a) - load.loadOf(b))[0] ?? null;
  }

  /** Takes the channel away and publishes, so that its vector is free and its owner may close it. */
  detach(port: SwitchPort): void {
    if (port.channel === null) return;
    const { publication, load, publish } = this.#parts;
    const { channelProcessor, channelVector } = port;
    // Whatever has become of the channel: its guest may go on signalling, and the vector will be another port's.
    port.channel.setSignalTarget(0, -1);
    port.channel = null;
    port.channelImage = null;
    port.channelGeneration++;
    port.channelProcessor = port.channelVector = -1;
    publish();
    publication.giveVector(channelProcessor, channelVector);
    load.give(channelProcessor);
  }
}
