/** One frame's story for people. */
import type { Colours } from '../terminal.ts';
import type { WhyJson } from '../why/explain-frame.ts';

export function whyText(why: WhyJson, colours: Colours): string {
  const agents = Math.max(0, ...why.steps.map(({ agent }) => agent.length));
  const digits = String(why.steps.length).length;
  const lines = [
    colours.bold(`frame ${why.frame}, ${why.length} bytes, at byte ${why.fileOffset} of the file`),
    why.summary,
    '',
    ...why.steps.map(({ agent, text, sameFrame }, i) => {
      const line = `${String(i + 1).padStart(digits)}. ${agent.padEnd(agents)}  ${text}`;
      return sameFrame ? line : colours.dim(`${line} (a guest's answer)`);
    }),
  ];
  if (why.steps.length > 0) lines.push('');
  lines.push(`end: ${why.end === 'delivered' ? colours.green(endText(why)) : colours.red(endText(why))}`);
  if (why.advice !== null) lines.push(`     ${why.advice}`);
  return `${lines.join('\n')}\n`;
}

function endText(why: WhyJson): string {
  if (why.end.startsWith('skipped.')) return `never put on the wire (${why.end})`;
  const [first] = why.deliveries;
  if (first === undefined) return why.end;
  const to = why.deliveries.map(({ vm }) => vm).join(', ');
  return `${why.end} to ${to}${why.copies > 0 ? ` (${why.copies} of them copies)` : ''}`;
}
