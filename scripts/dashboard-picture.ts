import * as z from 'zod';

const Widget = z.object({
  type: z.string(),
  x: z.number(),
  y: z.number(),
  width: z.number(),
  height: z.number(),
  properties: z.object({
    view: z.string(),
    title: z.string(),
    stacked: z.boolean().optional(),
    metrics: z.array(z.array(z.unknown())),
  }),
});
type Widget = z.infer<typeof Widget>;
const Body = z.object({ widgets: z.array(Widget) });

/** The dashboard of a template: its body is text with references in it, which are of no consequence here. */
const DashboardResource = z.object({
  Properties: z.object({
    DashboardBody: z.object({ 'Fn::Join': z.tuple([z.literal(''), z.array(z.unknown())]) }),
  }),
});

const days = 14;
const [columnWidth, rowHeight, margin] = [37, 34, 10];
const colours = ['#3b82d0', '#c77d0a', '#2f9e63', '#c2417c'] as const;
const style = `<style>
  .page { fill: #ffffff } .text { fill: #1f2328 } .quiet { fill: #59636e } .box { fill: #f6f8fa; stroke: #b7bfc8 } .grid { stroke: #d5dade }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .text { fill: #e6edf3 } .quiet { fill: #9da7b1 } .box { fill: #161b22; stroke: #444c56 } .grid { stroke: #30363d }
  }
</style>`;

/** An SVG of a dashboard as it is defined, with values that nobody measured: drawn by a generator with a fixed seed. */
export function dashboardPicture(resource: unknown): string {
  const [, parts] = DashboardResource.parse(resource).Properties.DashboardBody['Fn::Join'];
  const text = parts.map((part) => (typeof part === 'string' ? part : 'a reference')).join('');
  const { widgets } = Body.parse(JSON.parse(text));
  const next = generator(7);
  const drawn = widgets.map((widget) => drawWidget(widget, next));
  const bottom = Math.max(...widgets.map(({ y, height }) => y + height)) * rowHeight;
  const [width, height] = [24 * columnWidth + 2 * margin, bottom + 2 * margin + 24];
  const note = `Sample values, drawn from the dashboard's definition by "npm run pictures": nothing was measured`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" role="img">`,
    '<title>The dashboard in CloudWatch, with sample values</title>',
    style,
    `<rect class="page" width="${width}" height="${height}" rx="8"/>`,
    `<text class="quiet" x="${margin + 4}" y="22">${escaped(note)}</text>`,
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

/** Numbers from 0 to 1 that are the same each time (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function drawWidget(widget: Widget, next: () => number): string {
  const [left, top] = [margin + widget.x * columnWidth, margin + 24 + widget.y * rowHeight];
  const [width, height] = [widget.width * columnWidth, widget.height * rowHeight];
  const { title, view } = widget.properties;
  const labels = widget.properties.metrics.map(labelOf);
  const drawn =
    view === 'singleValue' ? singleValues(labels, width, height, next) : curves(widget, labels, next);
  return [
    `<g transform="translate(${left} ${top})">`,
    `<rect class="box" x="3" y="3" width="${width - 6}" height="${height - 6}" rx="5"/>`,
    `<text class="text" x="14" y="23" font-weight="600">${escaped(title)}</text>`,
    ...drawn,
    '</g>',
  ].join('\n');
}

/** The label that a metric's options carry, which come last. */
function labelOf(metric: readonly unknown[]): string {
  const options = z.object({ label: z.string() }).safeParse(metric.at(-1));
  return options.success ? options.data.label : metric.filter((part) => typeof part === 'string').join(' ');
}

function singleValues(
  labels: readonly string[],
  width: number,
  height: number,
  next: () => number,
): string[] {
  const each = (width - 20) / labels.length;
  return labels.flatMap((label, at) => {
    const value = Math.max(0, Math.floor(next() * 6) - 3);
    const middle = 10 + each * (at + 0.5);
    return [
      `<text class="text" x="${middle.toFixed(0)}" y="${height / 2 + 8}" text-anchor="middle" font-size="24">${value}</text>`,
      `<text class="quiet" x="${middle.toFixed(0)}" y="${height - 14}" text-anchor="middle" font-size="10">${escaped(label)}</text>`,
    ];
  });
}

function curves(widget: Widget, labels: readonly string[], next: () => number): string[] {
  const [width, height] = [widget.width * columnWidth, widget.height * rowHeight];
  const [left, right, top] = [16, width - 16, 36];
  // Many metrics are of what hardly ever happens.
  const isRare = labels.length > 4;
  const [columns, fontSize] = isRare ? [3, 7.8] : [3, 10];
  const bottom = height - 18 - 16 * Math.ceil(labels.length / columns);
  const sums = Array.from({ length: days }, () => 0);
  const lines = labels.map((label, at) => {
    const scale = widget.properties.stacked === true ? (at === 0 ? 0.6 : 0.1) : 0.85 / (at + 1);
    const values = sums.map((sum, day) => {
      const value = isRare ? Math.floor(next() * 1.02) * 0.5 : scale * (0.55 + 0.45 * next());
      if (widget.properties.stacked !== true) return value;
      sums[day] = sum + value;
      return sum + value;
    });
    const points = values.map((value, day) => {
      const x = left + ((right - left) * day) / (days - 1);
      return `${x.toFixed(0)},${(bottom - value * (bottom - top)).toFixed(0)}`;
    });
    const colour = colours[at % colours.length];
    const [labelLeft, labelTop] = [
      left + ((right - left) / columns) * (at % columns),
      bottom + 18 + 16 * Math.floor(at / columns),
    ];
    return [
      `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.8"/>`,
      `<circle cx="${(labelLeft + 4).toFixed(0)}" cy="${labelTop - 4}" r="4" fill="${colour}"/>`,
      `<text class="quiet" x="${(labelLeft + 12).toFixed(0)}" y="${labelTop}" font-size="${fontSize}">${escaped(label)}</text>`,
    ].join('\n');
  });
  const grid = [0, 0.5, 1].map((share) => {
    const y = (bottom - share * (bottom - top)).toFixed(0);
    return `<line class="grid" x1="${left}" y1="${y}" x2="${right}" y2="${y}"/>`;
  });
  return [...grid, ...lines];
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
