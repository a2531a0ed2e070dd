/** What a migration can be told, and what it tells. */
import type { SwitchResult } from '@vmq/vswitch';

/**
 * The steps in their order. Until `restore` has been taken a migration can fail, and before it be cancelled; then the
 * VM goes on where it was.
 *
 *   source        …running…  stop  save  NIC disconnect, delete  port teardown, delete
 *   destination   validation port, operational port, copies            NIC create, connect, restore, resume
 */
export const MIGRATION_STEPS = [
  /** The destination finds out whether it would take the VM, with a port that is deleted at once. */
  'validation-port',
  'operational-port',
  /** One round of copying memory while the VM runs; as often as there are rounds. */
  'copy',
  /** The VM stands still, between two batches. */
  'stop',
  /** Its channel and the rest of its memory are on the other side, and have been found whole. */
  'save',
  'source-nic-disconnect',
  'source-nic-delete',
  'source-port-teardown',
  'source-port-delete',
  'destination-nic-create',
  'destination-nic-connect',
  /** Its channel is open again, on the destination's switch: frames come into its memory there. */
  'restore',
  /** The VM runs; nothing of it is left on the source. */
  'resume',
  /** The destination has told the network where the VM is. */
  'announce',
] as const;

export type MigrationStep = (typeof MIGRATION_STEPS)[number];

/** A step that has just been taken. */
export interface MigrationProgress {
  readonly step: MigrationStep;
  /** Copying rounds so far, and the pages and bytes they have sent. */
  readonly rounds: number;
  readonly pages: number;
  readonly bytes: number;
  /** Pages of the VM's memory, and those of them that the last round found changed. */
  readonly memoryPages: number;
  readonly dirtyPages: number;
}

/**
 * The instant at which a VM is stopped after the last copying round: so many looks at the source's machine later (each
 * after a turn of it at least), and then so many frames that the VM takes or sends, in whatever batch they are.
 */
export interface StopPoint {
  /** Default 0. */
  readonly turns?: number;
  /** Default 0: between two turns of its. A VM that has so little to do is stopped all the same, 4096 looks later. */
  readonly frames?: number;
}

export interface MigrationOptions {
  /** Most rounds of copying while the VM runs; default 8. */
  readonly maxRounds?: number;
  /** A round with so few dirty pages is the last one; default 8. */
  readonly enoughPages?: number;
  /** Looks at the source's machine between two rounds, each after a turn of it at least; default 512. */
  readonly turnsPerRound?: number;
  /** When the VM is stopped, after the last round; default: at once. */
  readonly stopPoint?: StopPoint;
  /**
   * Called after each step, with both hosts between two operations: traffic may be sent and both may run. `cancel`
   * ends the migration, the VM goes on at the source; after `restore` it is too late for that.
   */
  readonly onProgress?: (progress: MigrationProgress) => 'cancel' | undefined;
  /** The way from one host to the other: what it returns is what arrives. Default: everything does, unchanged. */
  readonly link?: (bytes: Uint8Array) => Uint8Array;
}

/** Frames dropped on one host, by reason. */
export type DropCounts = Readonly<Record<string, number>>;

/** What one host has done with frames in the course of a migration, of whomever and for whomever. */
export interface FrameEnds {
  readonly receivedFromWire: number;
  readonly receivedFromGuests: number;
  readonly delivered: number;
  readonly transmitted: number;
  readonly dropped: DropCounts;
  /** Frames between source and end when it began, and when it ended: received = ends + what it has grown by. */
  readonly inFlight: { readonly before: number; readonly after: number };
}

export interface MigrationReport {
  readonly vm: string;
  /** Names of the hosts. */
  readonly source: string;
  readonly destination: string;
  /** Steps that were taken, in their order; each copying round is one. */
  readonly steps: readonly MigrationStep[];
  /** Copying while the VM ran: pages that had changed, the bytes they became, and when, by the source's clock. */
  readonly rounds: readonly {
    readonly pages: number;
    readonly bytes: number;
    readonly atNanoseconds: number;
  }[];
  /** Pages of the VM's memory. */
  readonly memoryPages: number;
  /** Pages sent in all, those of the stopped VM included. */
  readonly pages: number;
  /** Bytes sent in all, and of these in the last message, while the VM stood still. */
  readonly bytes: number;
  readonly stateBytes: number;
  /** Time during which the VM stood still: of the source's clock until its port was gone, then of the destination's. */
  readonly blackoutNanoseconds: number;
  /** Frames that both hosts dropped in that time, whoever they were for; see {@link blackoutDrops}. */
  readonly blackoutFrames: number;
  readonly blackoutDrops: { readonly source: DropCounts; readonly destination: DropCounts };
  /** Frames from the beginning to the VM's first turn at the destination, or to the failure, by their ends. */
  readonly frames: { readonly source: FrameEnds; readonly destination: FrameEnds };
  /** Frames that the source had put into the VM's channel up to its stop. */
  readonly framesDelivered: number;
  /** Messages in its memory that the VM had not completed; it does so at the destination (MIG-03). */
  readonly messagesCarried: number;
  /** Queues before and after, 0 = the default queue; then why. */
  readonly queue: { readonly source: number; readonly destination: number; readonly reason: string };
  /** It had been paused, and stands still at the destination until `resumeVm`. */
  readonly isSuspended: boolean;
  /** Somebody refers to the VM's port at the source: it is torn down, `removeVm` there deletes it later. */
  readonly sourcePortLeft: boolean;
}

/** NDIS_STATUS_SUCCESS: the VM runs at the destination. Else it goes on at the source, and `reason` says why. */
export interface MigrationResult extends SwitchResult {
  /** The step that could not be taken. */
  readonly failedStep?: MigrationStep;
  readonly report: MigrationReport;
}
