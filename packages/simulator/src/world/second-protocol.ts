/** A second protocol on an adapter: asks for queues and filters of its own, and counts what it is answered. */
import { NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS, statusName } from '@vmq/abi';
import type { Binding, OidRequest, ProtocolDriver } from '@vmq/ddi';
import type { NdisAdapter } from '@vmq/ndis';
import { fail } from '../audit/simulation-failure.ts';
import type { TraceHash } from '../audit/trace-hash.ts';

export const SECOND_PROTOCOL = 'simulator';

export class SecondProtocol {
  readonly #hash: TraceHash;
  readonly #pending: Set<OidRequest> = new Set();
  readonly #driver: ProtocolDriver;
  #binding: Binding | null = null;
  /** Status of the last request that pended and was completed. */
  lastCompleted: number = NDIS_STATUS_PENDING;

  constructor(hash: TraceHash) {
    this.#hash = hash;
    this.#driver = {
      name: SECOND_PROTOCOL,
      dataPathFactory: '',
      dataPathImage: () => null,
      bindAdapter: (binding) => {
        this.#binding = binding;
        return NDIS_STATUS_SUCCESS;
      },
      unbindAdapter: () => {
        this.#binding = null;
      },
      oidRequestComplete: (_binding, request, status) => this.#completed(request, status),
      status: (_binding, { statusCode }) => this.#hash.add(statusCode),
      pause() {},
      restart() {},
    };
  }

  get isBound(): boolean {
    return this.#binding !== null;
  }

  /** Requests that are not completed yet. */
  get pending(): number {
    return this.#pending.size;
  }

  bind(adapter: NdisAdapter): void {
    const { status } = adapter.bind(this.#driver);
    if (status !== NDIS_STATUS_SUCCESS) this.#binding = null;
    this.#hash.add(status);
  }

  close(): void {
    const binding = this.#binding;
    this.#binding = null;
    binding?.close();
  }

  /** The request's status, or null if it pends; then {@link lastCompleted} later. */
  submit(request: OidRequest): number | null {
    const binding = this.#binding;
    if (binding === null) return null;
    this.#pending.add(request);
    const status = binding.oidRequest(request);
    this.#hash.add(status);
    if (status === NDIS_STATUS_PENDING) return null;
    if (!this.#pending.delete(request))
      fail('requests complete once', `a request was completed and then returned ${statusName(status)}`);
    return status;
  }

  #completed(request: OidRequest, status: number): void {
    this.#hash.add(status);
    this.lastCompleted = status;
    if (status === NDIS_STATUS_PENDING) fail('requests complete once', 'a request was completed PENDING');
    if (!this.#pending.delete(request)) fail('requests complete once', 'a request was completed twice');
  }
}
