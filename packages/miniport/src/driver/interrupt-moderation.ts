/**
 * OID_GEN_INTERRUPT_MODERATION and *InterruptModeration (INT-10): whether the device lets a while go by between two
 * interrupts of a queue.
 *
 *   enabled    RXITR, TXITR of every queue = the interval     frames of the meantime come with the next interrupt
 *   disabled   0                                              an interrupt as soon as a queue asks for one
 */
import {
  NDIS_INTERRUPT_MODERATION,
  NDIS_INTERRUPT_MODERATION_PARAMETERS,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_SUCCESS,
  refusalStatus,
} from '@vmq/abi';
import { NdisRequestSetInformation, type OidRequest } from '@vmq/ddi';
import { CAPF_MODERATION, REG, RX_QUEUE_STRIDE, TX_QUEUE_STRIDE } from '@vmq/nic';
import type { Device } from '../hardware/device.ts';
import { reply } from './identity-oids.ts';

const {
  NdisInterruptModerationNotSupported: NOT_SUPPORTED,
  NdisInterruptModerationEnabled: ENABLED,
  NdisInterruptModerationDisabled: DISABLED,
} = NDIS_INTERRUPT_MODERATION;

/** Least nanoseconds between two interrupts of a queue: 20,000 a second at most. */
const INTERVAL = 50_000;

export class InterruptModeration {
  readonly #device: Device;
  /** Receive queues, the default one included, and transmit queues. */
  readonly #queues: number;
  readonly #isSupported: boolean;
  #isEnabled: boolean;

  constructor(device: Device, queues: number, isEnabled: boolean) {
    this.#device = device;
    this.#queues = queues;
    this.#isSupported = (device.registers.read32(REG.CAPF) & CAPF_MODERATION) !== 0;
    this.#isEnabled = this.#isSupported && isEnabled;
  }

  /** Query: SUCCESS, INVALID_LENGTH. Set: SUCCESS, INVALID_LENGTH, INVALID_DATA if the device has none. */
  handle(request: OidRequest): number {
    if (request.requestType === NdisRequestSetInformation) return this.#set(request);
    const now = this.#isEnabled ? ENABLED : DISABLED;
    const InterruptModeration = this.#isSupported ? now : NOT_SUPPORTED;
    return reply(request, NDIS_INTERRUPT_MODERATION_PARAMETERS.encode({ InterruptModeration }));
  }

  #set(request: OidRequest): number {
    const input = request.informationBuffer.subarray(0, request.inputBufferLength);
    const decoded = NDIS_INTERRUPT_MODERATION_PARAMETERS.decode(input);
    if (!decoded.ok) {
      const status = refusalStatus(decoded.refusal);
      if (status === NDIS_STATUS_INVALID_LENGTH)
        request.bytesNeeded = NDIS_INTERRUPT_MODERATION_PARAMETERS.sizeOf(1);
      return status;
    }
    if (!this.#isSupported) return NDIS_STATUS_INVALID_DATA;
    request.bytesRead = decoded.bytesRead;
    // Whatever is not "enabled" disables it.
    this.#isEnabled = decoded.value.InterruptModeration === ENABLED;
    if (!this.#device.isAsleep) this.program();
    return NDIS_STATUS_SUCCESS;
  }

  /** Writes the registers, which act at once; again for a device that has forgotten them. */
  program(): void {
    if (!this.#isSupported) return;
    const { registers } = this.#device;
    const interval = this.#isEnabled ? INTERVAL : 0;
    for (let queue = 0; queue < this.#queues; queue++) {
      registers.write32(REG.RXITR + queue * RX_QUEUE_STRIDE, interval);
      registers.write32(REG.TXITR + queue * TX_QUEUE_STRIDE, interval);
    }
  }
}
