/** What steps of a simulation do to the adapter of a host. */
import { NDIS_DEVICE_POWER_STATE, NDIS_STATUS_SUCCESS, statusName } from '@vmq/abi';
import { setRequest } from '@vmq/ddi';
import type { Host } from '@vmq/host';
import { OID_VMQ_MINIPORT_VM_QUEUES } from '@vmq/miniport';
import { refusalLine } from '@vmq/ndis';
import { oidRequestOf } from '@vmq/reference-model';
import type { DropAudit } from '../audit/drop-audit.ts';
import type { NblWatch } from '../audit/nbl-watch.ts';
import { fail } from '../audit/simulation-failure.ts';
import type { StateAudit } from '../audit/state-audit.ts';
import type { TraceHash } from '../audit/trace-hash.ts';
import { type OidScene, type OidStep, requestOfStep } from '../steps/oid-step.ts';
import { vmMac } from '../steps/simulation-config.ts';
import { SECOND_PROTOCOL, type SecondProtocol } from './second-protocol.ts';

const { NdisDeviceStateD0: D0, NdisDeviceStateD3: D3 } = NDIS_DEVICE_POWER_STATE;
/** No adapter has so many. */
const ALL_QUEUES = 255;

/** Who is to know what becomes of the adapter. */
export interface AdapterWatchers {
  readonly hash: TraceHash;
  readonly watch: NblWatch;
  readonly protocol: SecondProtocol;
  readonly states: StateAudit;
  readonly drops: DropAudit;
  /** Something has ever gone wrong on this host. */
  readonly wasFaulty: () => boolean;
  /** Pulls the card out, as a fault. */
  readonly pullCard: () => void;
}

export class AdapterControl {
  readonly #host: Host;
  readonly #parts: AdapterWatchers;
  isRemoved = false;
  isLow = false;

  constructor(host: Host, parts: AdapterWatchers) {
    this.#host = host;
    this.#parts = parts;
  }

  /** Frames have nothing in their way: the adapter runs. */
  get isUp(): boolean {
    return this.#host.adapter.state === 'Running' && !this.isLow;
  }

  /** A removal that had to wait for somebody is asked for once more. */
  finishRemoval(): void {
    if (this.isRemoved && this.#host.adapter.state !== 'Halted')
      this.#status(this.#host.adapter.surpriseRemove());
  }

  togglePause(): void {
    const { adapter } = this.#host;
    if (adapter.state === 'Running') this.#status(adapter.pause());
    else if (adapter.state === 'Paused') this.#status(adapter.restart());
    this.#parts.watch.restartOrder();
  }

  /** Powers the adapter down, or up; or puts another card where one was pulled. */
  togglePower(): void {
    if (this.isRemoved) {
      this.#replaceAdapter();
      return;
    }
    const status = this.#host.adapter.setPower(this.isLow ? D0 : D3);
    this.#status(status);
    this.isLow = this.#host.adapter.powerState !== D0;
    this.#parts.watch.restartOrder();
  }

  /** As a vendor's management application does: `queues` of the VM queues, as far as there are so many. */
  setQueues(queues: number): void {
    const { adapter } = this.#host;
    const most = adapter.inspect().hardwareCapabilities?.NumQueues ?? 0;
    const bytes = Uint8Array.of(Math.min(queues, most), 0, 0, 0);
    this.#status(adapter.userModeRequest(setRequest(OID_VMQ_MINIPORT_VM_QUEUES, bytes)));
  }

  reset(): void {
    this.#status(this.#host.adapter.reset());
    this.#parts.watch.restartOrder();
  }

  removeAdapter(): void {
    if (this.isRemoved) return;
    // Where things go wrong the card is really pulled: one that hung and comes back would go on receiving.
    if (!this.#parts.wasFaulty()) this.#status(this.#host.adapter.surpriseRemove());
    else this.#parts.pullCard();
    this.isRemoved = true;
  }

  #replaceAdapter(): void {
    const host = this.#host;
    // One that went in the midst of faults stays away.
    if (this.#parts.wasFaulty() || host.adapter.state !== 'Halted') return;
    const { status, reason } = host.replaceAdapter();
    this.#status(status);
    if (status !== NDIS_STATUS_SUCCESS)
      fail('the host lives', `${this.#host.config.name}: no other adapter: ${reason}`);
    this.isRemoved = false;
    this.isLow = false;
    // The old card was still in its slot when its adapter had been removed, and might reach nothing.
    this.#parts.drops.excuse();
    this.#parts.states.replace(host.adapter);
    this.#parts.protocol.bind(host.adapter);
    this.#parts.watch.restartOrder();
  }

  /** Whatever stopped it on purpose is undone: another card, power, a restart. */
  comeUp(): void {
    if (this.isRemoved) this.#replaceAdapter();
    if (this.isLow && !this.isRemoved) this.togglePower();
    if (this.#host.adapter.state === 'Paused') this.togglePause();
    if (!this.isRemoved) this.setQueues(ALL_QUEUES);
    if (!this.isUp && !this.isRemoved)
      fail(
        'life goes on',
        `${this.#host.config.name}: the adapter is ${this.#host.adapter.state}; ${this.lastRefusal}`,
      );
  }

  /** The last thing that NDIS refused, in words. */
  get lastRefusal(): string {
    const { last } = this.#host.ndis.refusals;
    return last === null ? 'nothing was refused' : refusalLine(last);
  }

  rebind(): void {
    if (this.#parts.protocol.isBound) this.#parts.protocol.close();
    else this.#parts.protocol.bind(this.#host.adapter);
  }

  oid(step: OidStep, vms: readonly number[]): void {
    const { adapter, config } = this.#host;
    const request = requestOfStep(step, this.#scene(vms));
    const bytes = oidRequestOf(request, config.ndisVersion === '6.20' ? 620 : 630);
    if (step.by === 'user') this.#status(adapter.userModeRequest(bytes));
    else this.#parts.protocol.submit(bytes);
  }

  /** Somebody besides the switch has a VM queue with a filter for that VM's address: such frames are its own (RX-22). */
  isTakenByOther(vm: number): boolean {
    const { filters, bindings } = this.#host.adapter.inspect();
    const own = bindings.find(({ protocol }) => protocol === this.#host.config.switch.name)?.number ?? -1;
    return filters.some(({ owner, queueId, mac }) => owner !== own && queueId !== 0 && mac === vmMac(vm));
  }

  #scene(vms: readonly number[]): OidScene {
    const { queues, filters, bindings } = this.#host.adapter.inspect();
    const own = bindings.find(({ protocol }) => protocol === SECOND_PROTOCOL)?.number ?? -1;
    const ids = (mine: boolean): number[] =>
      queues
        .filter(({ queueId, owner }) => queueId !== 0 && (owner === own) === mine)
        .map(({ queueId }) => queueId);
    return {
      ownQueues: ids(true),
      otherQueues: ids(false),
      ownFilters: filters.filter(({ owner }) => owner === own),
      otherFilters: filters.filter(({ owner }) => owner !== own),
      vms,
    };
  }

  #status(status: number): void {
    this.#parts.hash.add(status);
    if (statusName(status).startsWith('0x'))
      fail('requests complete once', `unknown status ${statusName(status)}`);
  }
}
