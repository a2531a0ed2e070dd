export type * from './usage.ts';
