// Deliberate mistakes, each in one place of the sources, and which invariants of the simulator may see them. Break says
// what each member means. Used by run-breaks.ts; a test checks that every piece still stands where it is looked for.
import type { Break } from './break.ts';
import { FRAME_BREAKS } from './frames.ts';
import { ISOLATION_BREAKS } from './isolation.ts';
import { LIFE_BREAKS } from './life.ts';

export const BREAKS: readonly Break[] = [...ISOLATION_BREAKS, ...FRAME_BREAKS, ...LIFE_BREAKS];
