/**
 * Whether VM queues are really on: every gate that decides it, in the order in which a frame's queue depends on them, with
 * what was found there. What is asked for is the first two; `Enabled: True` on Windows says no more than they do.
 *
 *   keywords ─> hardware ─> adapter is there ─> current capabilities ─> the switch's view of them ─> queues
 */
import type { AdapterReport } from '@vmq/ndis';
import type { SwitchReport } from '@vmq/vswitch';
import { adapterKeywords, keywordValue } from '../config/adapter-keywords.ts';
import type { HostConfig } from '../config/config.ts';

export interface VmqGate {
  /** A keyword's name, or `hardware`, `adapter`, `current capabilities`, `switch`. */
  readonly gate: string;
  readonly isOpen: boolean;
  /** What there is, as text. */
  readonly found: string;
  /** Where it can be changed, a key of the configuration; or the page that says what it does. */
  readonly source: string;
}

const KEYWORDS_PAGE = 'Standardized INF Keywords for VMQ';
const CAPABILITIES_PAGE = 'Determining the VMQ Capabilities of a Network Adapter';
const SPEED_KEYS = 'switch.tenGigVmqEnabled, switch.belowTenGigVmqEnabled';
const INDICATION_PAGE = 'NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES';

export function vmqGates(config: HostConfig, adapter: AdapterReport, virtualSwitch: SwitchReport): VmqGate[] {
  const keywords = adapterKeywords(config);
  const preference = keywordValue(keywords['*RssOrVmqPreference']);
  const queues = (set: AdapterReport['hardwareCapabilities']): number => set?.NumQueues ?? 0;
  const { vmq, adapter: bound } = virtualSwitch;
  return [
    {
      gate: '*RssOrVmqPreference',
      isOpen: preference === 1,
      found: preference === 1 ? '1: VMQ' : `${preference}: RSS, so no keyword of VMQ is read`,
      source: `nic.keywords.*RssOrVmqPreference; ${KEYWORDS_PAGE}`,
    },
    {
      gate: '*VMQ',
      isOpen: config.vmq,
      found: config.vmq ? '1: on' : '0: off',
      source: `vmq; ${KEYWORDS_PAGE}`,
    },
    {
      gate: 'hardware',
      isOpen: queues(adapter.hardwareCapabilities) > 0,
      found: `${queues(adapter.hardwareCapabilities)} VM queues`,
      source: `nic.profile (${config.nic.profile}); ${CAPABILITIES_PAGE}`,
    },
    {
      gate: 'adapter',
      isOpen: bound !== null && adapter.state !== 'Halted',
      found: bound === null ? `${adapter.state}, and the switch is not bound to it` : adapter.state,
      source: 'Adapter States of a Miniport Driver',
    },
    {
      gate: 'current capabilities',
      isOpen: adapter.vmqCurrent && queues(adapter.currentCapabilities) > 0,
      found: `${queues(adapter.currentCapabilities)} VM queues`,
      source: `${CAPABILITIES_PAGE}; ${INDICATION_PAGE}`,
    },
    {
      gate: 'switch',
      isOpen: vmq.queues,
      found: vmq.queues ? `${vmq.inUse} of ${vmq.numQueues} VM queues in use` : vmq.reason,
      source: `${SPEED_KEYS}; ${KEYWORDS_PAGE}`,
    },
  ];
}
