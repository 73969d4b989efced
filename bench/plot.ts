import { programNames, type ProgramName } from './programs.ts';
import { rowsOf, timedSets, titleOf, type Results } from './report.ts';

const colours: Readonly<Record<ProgramName, string>> = {
  holdfast: '#d55e00',
  restic: '#0072b2',
  kopia: '#009e73',
  borg: '#cc79a7',
  rustic: '#e69f00',
};

const width = 860;
const left = 270;
const right = 30;
const top = 70;
const rowHeight = 20;
const leastRatio = 0.25;
const mostRatio = 8;

function placeOf(ratio: number): number {
  const share = Math.log(ratio / leastRatio) / Math.log(mostRatio / leastRatio);
  return left + Math.min(1, Math.max(0, share)) * (width - left - right);
}

function text(x: number, y: number, content: string, more = ''): string {
  return `<text x="${x}" y="${y}" ${more}>${content}</text>`;
}

function mark(program: ProgramName, x: number, y: number, title: string): string {
  const shape =
    program === 'holdfast'
      ? `<path d="M${x - 7} ${y}L${x} ${y - 7}L${x + 7} ${y}L${x} ${y + 7}Z"`
      : `<circle cx="${x}" cy="${y}" r="5" fill-opacity="0.85"`;
  return `${shape} fill="${colours[program]}"><title>${title}</title></${program === 'holdfast' ? 'path' : 'circle'}>`;
}

/** One line for each step of each data set, one mark for each program: its seconds by those of the best peer. */
export function plotOf(results: Results): string {
  const sets = timedSets(results);
  const lines = sets.flatMap(([name, set]) =>
    rowsOf(set)
      .filter(({ figure }) => figure === 's')
      .map(({ step, values }) => ({ label: `${name}: ${titleOf(step, set.days)}`, values })),
  );
  const titles = new Map(sets.flatMap(([, set]) => set.programs.map(({ name, title }) => [name, title])));
  const bottom = top + lines.length * rowHeight;
  const parts: string[] = [];
  programNames
    .filter((name) => titles.has(name))
    .forEach((name, index) => {
      const title = titles.get(name) ?? name;
      parts.push(mark(name, left + index * 110, 20, title), text(left + index * 110 + 12, 24, title));
    });
  for (let ratio = leastRatio; ratio <= mostRatio; ratio *= 2) {
    const x = placeOf(ratio).toFixed(1);
    const stroke = ratio === 1 ? '#444' : '#ddd';
    parts.push(
      `<line x1="${x}" y1="${top - 12}" x2="${x}" y2="${bottom}" stroke="${stroke}"/>`,
      text(Number(x), top - 18, ratio === 1 ? 'best peer' : `${ratio} ×`, 'text-anchor="middle"'),
    );
  }
  lines.forEach(({ label, values }, index) => {
    const y = top + index * rowHeight + rowHeight / 2;
    parts.push(text(left - 16, y + 4, label, 'text-anchor="end"'));
    const { holdfast: ours, ...peers } = values;
    const best = Math.min(...Object.values(peers));
    const all = [...Object.entries(peers), ...(ours === undefined ? [] : [['holdfast', ours] as const])];
    for (const [name, seconds] of all as [ProgramName, number][]) {
      const ratio = Number.isFinite(best) ? seconds / best : 1;
      parts.push(
        mark(name, Number(placeOf(ratio).toFixed(1)), y, `${titles.get(name)}: ${seconds.toFixed(2)} s`),
      );
    }
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom + 16}" width="${width}" height="${bottom + 16}" font-family="sans-serif" font-size="12" fill="#222">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
