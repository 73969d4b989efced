export interface Curve {
  readonly name: string;
  readonly color: string;
  readonly dashed?: boolean;
  /** Objects and hours. */
  readonly points: readonly (readonly [number, number])[];
}

const [width, height, left, bottom, right, top] = [760, 420, 70, 50, 210, 20];

function powers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => 10 ** (from + at));
}

export function drawCurves(curves: readonly Curve[]): string {
  const points = curves.flatMap((curve) => curve.points);
  const xs = points.map(([x]) => Math.log10(x));
  const ys = points.map(([, y]) => Math.log10(y));
  const [minX, maxX] = [Math.min(...xs), Math.max(...xs)];
  const [minY, maxY] = [Math.floor(Math.min(...ys)), Math.ceil(Math.max(...ys))];
  const x = (value: number): string =>
    (left + ((Math.log10(value) - minX) / (maxX - minX)) * (width - left - right)).toFixed(1);
  const y = (value: number): string =>
    (height - bottom - ((Math.log10(value) - minY) / (maxY - minY)) * (height - bottom - top)).toFixed(1);
  const [x0, x1] = [x(10 ** minX), x(10 ** maxX)];
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...powers(minY, maxY).flatMap((hours) => [
      `<line x1="${x0}" y1="${y(hours)}" x2="${x1}" y2="${y(hours)}" stroke="#ddd"/>`,
      `<text x="${left - 8}" y="${Number(y(hours)) + 4}" text-anchor="end">${hours} h</text>`,
    ]),
    ...powers(Math.ceil(minX), Math.floor(maxX)).map(
      (objects) =>
        `<text x="${x(objects)}" y="${height - bottom + 20}" text-anchor="middle">10^${Math.log10(objects)} objects</text>`,
    ),
  ];
  for (const [at, { name, color, dashed, points: ofCurve }] of curves.entries()) {
    const path = ofCurve.map(([objects, hours]) => `${x(objects)},${y(hours)}`).join(' ');
    const dash = dashed === true ? ' stroke-dasharray="6 4"' : '';
    const legend = top + 12 + at * 20;
    lines.push(
      `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"${dash}/>`,
      `<line x1="${width - right + 20}" y1="${legend - 4}" x2="${width - right + 45}" y2="${legend - 4}" stroke="${color}" stroke-width="2"${dash}/>`,
      `<text x="${width - right + 52}" y="${legend}">${name}</text>`,
    );
  }
  return [...lines, '</svg>', ''].join('\n');
}
