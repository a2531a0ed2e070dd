/** One frame's story for people. */
import { shownLine } from '../text/shown-text.ts';
import type { Screen } from '../text/terminal.ts';
import { hang, nameColumn, widthOfNames } from '../text/wrap.ts';
import type { WhyJson } from '../why/explain-frame.ts';

export function whyText(why: WhyJson, { colours, columns }: Screen): string {
  const agents = widthOfNames(why.steps.map(({ agent }) => agent));
  const digits = String(why.steps.length).length;
  const end = why.end === 'delivered' || why.end === 'transmitted' ? colours.green : colours.red;
  const lines = [
    colours.bold(`frame ${why.frame}, ${why.length} bytes, at byte ${why.fileOffset} of the file`),
    ...hang('', shownLine(why.summary), columns),
    ...(why.sender === null ? [] : [shownLine(`sent by ${why.sender}`)]),
    '',
    ...why.steps.flatMap(({ agent, text, sameFrame }, i) => {
      const head = `${String(i + 1).padStart(digits)}. ${nameColumn(agent, agents)}  `;
      const step = hang(head, shownLine(sameFrame ? text : `${text} (a guest's answer)`), columns);
      return sameFrame ? step : step.map((line) => colours.dim(line));
    }),
  ];
  if (why.steps.length > 0) lines.push('');
  if (why.switchTests.length > 0) {
    lines.push(...hang('', shownLine(`the switch's tests, made anew: ${why.switchRule}`), columns));
    for (const { what, found, passes } of why.switchTests)
      lines.push(...hang(passes ? '  yes  ' : '  no   ', shownLine(`${what}: ${found}`), columns));
    lines.push('');
  }
  lines.push(
    ...why.faults.flatMap((fault) => hang('', shownLine(fault), columns)).map((line) => colours.red(line)),
  );
  lines.push(...hang('end: ', shownLine(endText(why)), columns).map((line) => end(line)));
  if (why.advice !== null) lines.push(...hang('     ', shownLine(why.advice), columns));
  return `${lines.join('\n')}\n`;
}

function endText(why: WhyJson): string {
  if (why.end.startsWith('skipped.')) return `left out (${why.end})`;
  const [first] = why.deliveries;
  if (first === undefined) return why.end;
  const to = why.deliveries.map(({ vm }) => vm).join(', ');
  if (why.end === 'transmitted') return `transmitted, with a copy to ${to}`;
  return `${why.end} to ${to}${why.copies > 0 ? ` (${why.copies} of them copies)` : ''}`;
}
