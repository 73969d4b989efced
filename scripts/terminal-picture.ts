const [lineHeight, characterWidth, margin] = [17, 7.25, 16];
/** A command and what it prints appear together, each a while after the one before. */
const secondsEach = 1.6;

/** An SVG of a terminal. Lines that begin with `$ ` are typed, those with `# ` are remarks. */
export function terminalPicture(text: string): string {
  const lines = text.trimEnd().split('\n');
  const columns = Math.max(...lines.map((line) => line.length));
  const [width, height] = [
    Math.ceil(columns * characterWidth) + 2 * margin,
    lines.length * lineHeight + 2 * margin + 20,
  ];
  let scene = -1;
  const drawn = lines.map((line, at) => {
    if (line.startsWith('# ')) scene += 1;
    const kind = line.startsWith('# ') ? 'remark' : line.startsWith('$ ') ? 'typed' : 'text';
    const [y, delay] = [
      margin + 20 + (at + 0.75) * lineHeight,
      (Math.max(scene, 0) * secondsEach).toFixed(1),
    ];
    return `<text class="${kind}" x="${margin}" y="${y}" style="animation-delay:${delay}s">${escaped(line)}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="12" xml:space="preserve" role="img">`,
    '<title>A day with Holdfast in the terminal</title>',
    `<style>
  .window { fill: #161b22; stroke: #444c56 } .text { fill: #d6dde4 } .typed { fill: #7ee787; font-weight: 600 } .remark { fill: #9da7b1; font-style: italic }
  text { animation: appear 0.4s both } @keyframes appear { from { opacity: 0 } to { opacity: 1 } }
  @media (prefers-reduced-motion: reduce) { text { animation: none } }
</style>`,
    `<rect class="window" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>`,
    ...['#ff5f57', '#febc2e', '#28c840'].map(
      (colour, at) => `<circle cx="${margin + 6 + at * 18}" cy="18" r="5.5" fill="${colour}"/>`,
    ),
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
