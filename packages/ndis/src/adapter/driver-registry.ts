/**
 * The drivers that have registered, by name: NdisMRegisterMiniportDriver, NdisFRegisterFilterDriver and
 * NdisRegisterProtocolDriver. Their pages give the refusals: BAD_VERSION for a version that NDIS does not know,
 * BAD_CHARACTERISTICS for members that cannot be, as the name of another driver.
 */
import { NDIS_STATUS_BAD_CHARACTERISTICS, NDIS_STATUS_BAD_VERSION, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { FilterDriver, MiniportDriver, ProtocolDriver } from '@vmq/ddi';
import { AdapterRefusals, type RefusalRecorder } from '../diagnostics/refusal-log.ts';

/** Of miniports, as far as they are modelled. */
const MINIPORT_MINOR_VERSIONS: readonly number[] = [20, 30, 60];

interface Versioned {
  readonly name: string;
  readonly majorNdisVersion: number;
  readonly minorNdisVersion: number;
}

export class DriverRegistry {
  readonly #log: RefusalRecorder;
  readonly #hostVersion: 620 | 630;
  readonly #miniports = new Map<string, MiniportDriver>();
  readonly #filters = new Map<string, FilterDriver>();
  readonly #protocols = new Map<string, ProtocolDriver>();

  constructor(log: RefusalRecorder, hostVersion: 620 | 630) {
    this.#log = log;
    this.#hostVersion = hostVersion;
  }

  /** In the order in which they were registered. */
  get filters(): readonly FilterDriver[] {
    return [...this.#filters.values()];
  }

  get protocols(): readonly ProtocolDriver[] {
    return [...this.#protocols.values()];
  }

  registerMiniport(driver: MiniportDriver): number {
    const rule = 'NdisMRegisterMiniportDriver';
    const minors = this.#hostVersion === 620 ? [20] : MINIPORT_MINOR_VERSIONS;
    if (driver.majorNdisVersion !== 6 || !minors.includes(driver.minorNdisVersion))
      return this.#refuseVersion(driver, rule, minors.map((minor) => `6.${minor}`).join(' or '));
    return this.#register(this.#miniports, driver, rule);
  }

  registerFilter(driver: FilterDriver): number {
    const rule = 'NdisFRegisterFilterDriver';
    if (driver.majorNdisVersion !== 6) return this.#refuseVersion(driver, rule, '6.x');
    return this.#register(this.#filters, driver, rule);
  }

  registerProtocol(driver: ProtocolDriver): number {
    return this.#register(this.#protocols, driver, 'NdisRegisterProtocolDriver');
  }

  #refuseVersion(
    { name, majorNdisVersion, minorNdisVersion }: Versioned,
    rule: string,
    known: string,
  ): number {
    const found = `${majorNdisVersion}.${minorNdisVersion}`;
    return this.#refuse(name, rule, NDIS_STATUS_BAD_VERSION, `a driver of NDIS ${known}`, found);
  }

  #register<T extends { readonly name: string }>(known: Map<string, T>, driver: T, rule: string): number {
    const other = known.get(driver.name);
    if (other !== undefined && other !== driver) {
      const expected = 'a name that no other driver has';
      return this.#refuse(driver.name, rule, NDIS_STATUS_BAD_CHARACTERISTICS, expected, driver.name);
    }
    known.set(driver.name, driver);
    return NDIS_STATUS_SUCCESS;
  }

  #refuse(driver: string, rule: string, status: number, expected: string, found: string): number {
    return new AdapterRefusals(this.#log, driver).refuse({ rule, status, expected }, found);
  }
}
