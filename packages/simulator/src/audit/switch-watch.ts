/**
 * An extension of a simulated host's switch that holds what extensions are told of a frame's bytes against where its NBL
 * says they lie (SEC-09): safe is what no VM can change, and after ingress everything is.
 *
 *   NBL   | MDL in host memory | MDL in VM memory |     isPacketDataSafe 0, safePacketDataSize at most the first part
 *         | MDL in host memory |                        isPacketDataSafe 1, all of it
 *
 * Of every other frame it asks for a copy itself, as an extension that reads payload does; the rest is the switch's.
 */

import type { NetBufferList } from '@vmq/ddi';
import type { ExtraDataPaths, HostOptions } from '@vmq/host';
import { HOST_SEGMENT } from '@vmq/machine';
import { fail } from './simulation-failure.ts';

type Factories = NonNullable<ExtraDataPaths['switchExtensions']>;
type SwitchExtensionPath = ReturnType<Factories[string]>;
type Frames = Parameters<NonNullable<SwitchExtensionPath['ingressComplete']>>[0];

/** The external port's number. */
const EXTERNAL_PORT = 0;
const NAME = 'simulation.switch-watch';

/** As the switch is told of it: it sees everything and changes nothing. */
export const SWITCH_WATCH: NonNullable<HostOptions['switchExtensions']>[number] = {
  name: 'watch',
  type: 'capturing',
  dataPathFactory: NAME,
};

export class SwitchWatch {
  /** By receive stamp, of the chain on its way up: bytes from a frame's first on that lie in host memory. */
  readonly #inHostMemory: Map<number, number> = new Map();

  /** The host's processors know the extension's data path by these. */
  readonly factories: Factories = {
    [NAME]: () => ({
      ingress: (frames) => this.#ingress(frames),
      egress: (frames) => this.#egress(frames),
    }),
  };

  /** A chain goes up to the switch. */
  noteIndication(chain: NetBufferList): void {
    this.#inHostMemory.clear();
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      let safe = -nbl.firstNetBuffer.dataOffset;
      for (
        let mdl = nbl.firstNetBuffer.mdl as NetBufferList['firstNetBuffer']['mdl'] | null;
        mdl !== null && mdl.segment.id === HOST_SEGMENT;
        mdl = mdl.next
      )
        safe += mdl.byteCount;
      this.#inHostMemory.set(nbl.stamp, safe);
    }
  }

  #ingress(frames: Frames): void {
    for (let k = 0; k < frames.count; k++) {
      const i = frames.index[k];
      const stamp = frames.stamp[i];
      if (frames.source[i] === EXTERNAL_PORT) this.#holdsWhatItSays(frames, i);
      if ((stamp & 1) === 1) frames.copyPacketData(i);
    }
  }

  #holdsWhatItSays(frames: Frames, i: number): void {
    const inHostMemory = this.#inHostMemory.get(frames.stamp[i]);
    // A copy of the switch's own is no segment of the machine, and safe.
    if (inHostMemory === undefined || (frames.segments[i]?.id ?? -1) < 0) return;
    const length = frames.length[i];
    const isSafe = frames.isPacketDataSafe[i] === 1;
    const size = frames.safePacketDataSize[i];
    if (size > inHostMemory || (isSafe && (inHostMemory < length || size !== length)))
      fail(
        'decisions in host memory',
        `an extension is told that ${isSafe ? 'all' : size} of ${length} bytes are safe: ${inHostMemory} are in host memory`,
      );
  }

  #egress(frames: Frames): void {
    for (let k = 0; k < frames.count; k++) {
      const i = frames.index[k];
      if (frames.isPacketDataSafe[i] !== 1)
        fail('decisions in host memory', 'a frame was switched before all of it lay in host memory');
    }
  }
}
