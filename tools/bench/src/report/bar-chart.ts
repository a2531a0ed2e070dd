// A small SVG writer: panels side by side, each with groups of two bars and their values above them.

const WIDTH = 900;
const HEIGHT = 360;
const TOP = 92;
const BOTTOM = 64;
const COLOURS = ['#9aa5b1', '#0b6e99'];
const FONT = 'font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif"';

const escapeText = (content: string): string =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const text = (
  x: number,
  y: number,
  content: string,
  { size = 12, anchor = 'middle', colour = '#1f2933', weight = 400 } = {},
): string =>
  `<text x="${round(x)}" y="${round(y)}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" fill="${colour}">${escapeText(content)}</text>`;

const round = (n: number): number => Math.round(n * 10) / 10;

/** Two bars beside each other, and what stands under them. */
export interface BarGroup {
  readonly label: string;
  readonly below?: string;
  readonly values: readonly number[];
  /** What stands above the bars; default: the values. */
  readonly texts?: readonly string[];
}

/** Its bars have one scale, from zero. */
export interface Panel {
  readonly title: string;
  readonly groups: readonly BarGroup[];
}

export interface BarChart {
  readonly title: string;
  /** Names of the two bars. */
  readonly series: readonly string[];
  readonly panels: readonly Panel[];
}

/** The chart as SVG. */
export function barChart({ title, series, panels }: BarChart): string {
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeText(title)}" ${FONT}>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(24, 30, title, { size: 16, anchor: 'start', weight: 600 }),
  ];
  series.forEach((name, i) => {
    const x = WIDTH - 220 + i * 100;
    parts.push(`<rect x="${x}" y="19" width="12" height="12" fill="${COLOURS[i]}"/>`);
    parts.push(text(x + 18, 30, name, { anchor: 'start' }));
  });
  const slots = panels.reduce((sum, { groups }) => sum + groups.length, 0);
  const gap = 40;
  const slot = (WIDTH - 48 - gap * (panels.length - 1)) / slots;
  let left = 24;
  for (const panel of panels) {
    const width = slot * panel.groups.length;
    parts.push(...panelParts(panel, left, width, slot));
    left += width + gap;
  }
  return `${[...parts, '</svg>'].join('\n')}\n`;
}

/** `left`, `width`: of the panel; `slot`: of each of its groups. */
function panelParts({ title, groups }: Panel, left: number, width: number, slot: number): string[] {
  const floor = HEIGHT - BOTTOM;
  const most = Math.max(...groups.flatMap(({ values }) => values));
  const bar = Math.min(44, slot / 2.8);
  const parts = [
    text(left, TOP - 30, title, { size: 13, anchor: 'start', weight: 600 }),
    `<line x1="${round(left)}" y1="${floor}" x2="${round(left + width)}" y2="${floor}" stroke="#7b8794"/>`,
  ];
  groups.forEach(({ label, below, values, texts }, g) => {
    const centre = left + slot * (g + 0.5);
    values.forEach((value, i) => {
      const height = ((floor - TOP) * value) / most;
      const x = centre + (i === 0 ? -bar - 2 : 2);
      parts.push(
        `<rect x="${round(x)}" y="${round(floor - height)}" width="${round(bar)}" height="${round(height)}" fill="${COLOURS[i]}"/>`,
        text(x + bar / 2, floor - height - 5, texts?.[i] ?? String(value), { size: 11 }),
      );
    });
    parts.push(text(centre, floor + 18, label, { weight: 600 }));
    if (below !== undefined) parts.push(text(centre, floor + 36, below, { size: 11, colour: '#52606d' }));
  });
  return parts;
}
