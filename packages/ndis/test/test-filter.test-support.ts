/** A filter driver that lets everything pass and writes down what it is called for; members change what it does. */
import { NDIS_STATUS_SUCCESS, oidName, statusName } from '@vmq/abi';
import type {
  FilterAttachParameters,
  FilterDriver,
  FilterModule,
  OidRequest,
  StatusIndication,
} from '@vmq/ddi';

export class TestFilter implements FilterDriver {
  readonly name: string;
  readonly majorNdisVersion = 6;
  minorNdisVersion: 0 | 1 | 20 | 30 | 60 = 30;
  readonly dataPathFactory: string;
  readonly log: string[];
  module!: FilterModule;
  parameters!: FilterAttachParameters;
  attachStatus: number = NDIS_STATUS_SUCCESS;
  pauseStatus: number = NDIS_STATUS_SUCCESS;
  restartStatus: number = NDIS_STATUS_SUCCESS;
  /** What FilterOidRequest does. */
  onRequest: (module: FilterModule, request: OidRequest) => number = (module, request) =>
    module.forwardOidRequest(request);
  onComplete: (module: FilterModule, request: OidRequest, status: number) => void = (
    module,
    request,
    status,
  ) => module.oidRequestComplete(request, status);
  onStatus: (module: FilterModule, indication: StatusIndication) => void = (module, indication) =>
    module.indicateStatus(indication);
  onAttach: (module: FilterModule) => void = () => {};
  onPause: () => void = () => {};
  onRestart: () => void = () => {};

  constructor(name: string, log: string[] = [], dataPathFactory: string = '') {
    this.name = name;
    this.log = log;
    this.dataPathFactory = dataPathFactory;
  }

  attach(module: FilterModule, parameters: FilterAttachParameters): number {
    this.module = module;
    this.parameters = parameters;
    this.log.push(`${this.name} attach`);
    this.onAttach(module);
    return this.attachStatus;
  }

  detach(): void {
    this.log.push(`${this.name} detach`);
  }

  netPnpEvent(_module: FilterModule, event: number): void {
    this.log.push(`${this.name} event ${event}`);
  }

  pause(): number {
    this.log.push(`${this.name} pause`);
    this.onPause();
    return this.pauseStatus;
  }

  restart(): number {
    this.log.push(`${this.name} restart`);
    this.onRestart();
    return this.restartStatus;
  }

  oidRequest(module: FilterModule, request: OidRequest): number {
    this.log.push(`${this.name} ${oidName(request.oid).replace('OID_RECEIVE_FILTER_', '')}`);
    return this.onRequest(module, request);
  }

  cancelOidRequest(_module: FilterModule, requestId: number): void {
    this.log.push(`${this.name} cancel ${requestId}`);
  }

  oidRequestComplete(module: FilterModule, request: OidRequest, status: number): void {
    this.log.push(`${this.name} complete ${statusName(status)}`);
    this.onComplete(module, request, status);
  }

  status(module: FilterModule, indication: StatusIndication): void {
    this.log.push(`${this.name} ${statusName(indication.statusCode)}`);
    this.onStatus(module, indication);
  }

  dataPathImage(module: FilterModule): unknown {
    return { name: this.name, number: module.number };
  }
}
