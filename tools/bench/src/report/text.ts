// Results for people: one line for each case while the benchmark runs.

import type { CaseFigure, CaseResult } from '../cases/case-result.ts';

/** Figures that are shown under their own names, with their units and digits. */
const SHOWN: readonly { readonly figure: CaseFigure; readonly unit?: string; readonly digits: number }[] = [
  { figure: 'p50us', unit: ' µs', digits: 2 },
  { figure: 'p90us', unit: ' µs', digits: 2 },
  { figure: 'p99us', unit: ' µs', digits: 2 },
  { figure: 'scaling', digits: 2 },
  { figure: 'ofFresh', digits: 3 },
  { figure: 'scavengesPer100MFrames', digits: 1 },
  { figure: 'wallMs', unit: ' ms', digits: 0 },
  { figure: 'oidsPerSecond', digits: 0 },
];

export function caseLine(title: string, result: CaseResult): string {
  const parts = [title.padEnd(44), ...throughputParts(result), ...vmqParts(result)];
  for (const { figure, unit = '', digits } of SHOWN) {
    const value = result[figure];
    if (value !== undefined) parts.push(`${figure} ${value.toFixed(digits)}${unit}`);
  }
  if (result.disturbed > 0)
    parts.push(`${result.disturbed} disturbed${result.countsDisturbed === true ? ' (and counted)' : ''}`);
  if (result.problems.length > 0) parts.push(`WRONG: ${result.problems.join('; ')}`);
  return parts.join('  ');
}

function throughputParts({ mpps, nsPerFrame, ofC, cMpps, plainMpps, spread }: CaseResult): string[] {
  if (mpps === undefined || nsPerFrame === undefined) return [];
  const parts = [`${mpps.toFixed(2).padStart(6)} Mpps ${nsPerFrame.toFixed(1).padStart(6)} ns/frame`];
  if (typeof ofC === 'number' && typeof cMpps === 'number')
    parts.push(`${ofC.toFixed(3)} of C (${cMpps.toFixed(1)})`);
  if (plainMpps !== undefined) parts.push(`plain loop ${plainMpps.toFixed(1)} Mpps`);
  if (spread !== undefined) parts.push(`±${(spread * 50).toFixed(0)} %`);
  return parts;
}

function vmqParts({ on, off, hostCpu, onMpps, offMpps, onOverOff }: CaseResult): string[] {
  const parts: string[] = [];
  if (on !== undefined && off !== undefined && hostCpu !== undefined)
    parts.push(
      `host ${on.sides['host'].toFixed(1)} and ${off.sides['host'].toFixed(1)} ns, off/on ${hostCpu.toFixed(2)}`,
      `all ${on.nsPerFrame.toFixed(1)} and ${off.nsPerFrame.toFixed(1)} ns`,
    );
  if (onMpps !== undefined && offMpps !== undefined && onOverOff !== undefined)
    parts.push(`${onMpps.toFixed(2)} and ${offMpps.toFixed(2)} Mpps, on/off ${onOverOff.toFixed(2)}`);
  return parts;
}
