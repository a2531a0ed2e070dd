/**
 * Data paths of a protocol that has no adapter: a switch whose external NIC was taken away still switches among VMs.
 *
 *   protocol ──send──> gate, closed: completed NDIS_STATUS_PAUSED at once        nothing below it, nothing comes up
 *
 * They sit on every processor as those of a binding do, and hear messages in the same way. One set at a time.
 */
import type { Executor } from '@vmq/machine';
import { AdapterDataPlane } from './adapter-data-plane.ts';
import type { DataPlane } from './data-plane.ts';

export interface DetachedDataPath {
  /** Makes data paths on every processor: the factory's name there, and what it is given. */
  attach(factory: string, image: unknown): void;
  /** Takes them away; they must have let go of whatever they hold. */
  detach(): void;
  /** A message for them; without any it is nobody's. */
  post(processor: number | 'all', message: unknown): void;
  /** Returns when every processor has heard what was posted. */
  publish(): void;
  /** Lets the machine run until `done()`; false if it rests first. */
  runUntil(done: () => boolean): boolean;
}

/** In place of a binding's number. */
const ALONE = 0;

/** `name` stands in the place of an adapter's and must be no adapter's. */
export function createDetachedDataPath(
  name: string,
  dataPlane: DataPlane,
  executor: Executor,
  processors: number,
): DetachedDataPath {
  let plane: AdapterDataPlane | null = null;
  return {
    attach(factory, image) {
      plane = new AdapterDataPlane(name, dataPlane, executor, processors);
      plane.attachMiniport('', null, []);
      plane.attachProtocol(ALONE, factory, image);
    },
    detach() {
      plane?.detachProtocol(ALONE);
      plane?.detachMiniport();
      plane = null;
    },
    post: (processor, message) => plane?.postToProtocol(ALONE, processor, message),
    publish: () => executor.publish(),
    runUntil: (done) => executor.runUntil(done),
  };
}
