/** Made when it is needed: that takes ten milliseconds, and most text is ASCII. */
let graphemes: Intl.Segmenter | undefined;

/** Characters of two columns: wide letters of East Asia, after UAX 11, and pictures. */
const wide =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|.\ufe0f)/u;
/** Characters of none: marks that stand upon letters, and characters of format. */
const without = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

/** Columns that a terminal gives text without control characters. */
export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  return graphemesOf(text).reduce((width, grapheme) => width + graphemeWidth(grapheme), 0);
}

function graphemesOf(text: string): readonly string[] {
  graphemes ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return Array.from(graphemes.segment(text), ({ segment }) => segment);
}

function graphemeWidth(grapheme: string): number {
  if (wide.test(grapheme)) return 2;
  return without.test(grapheme) ? 0 : 1;
}

/** The beginning of text that fits. */
export function clipText(text: string, width: number): string {
  return beginning(graphemesOf(text), width).join('');
}

/** Cuts text out in the middle where it is wider: both ends of a name tell it apart. */
export function fitText(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  const all = graphemesOf(text);
  const tail = beginning(all.toReversed(), Math.floor((width - 1) / 2)).toReversed();
  return `${beginning(all, Math.ceil((width - 1) / 2)).join('')}…${tail.join('')}`;
}

function beginning(all: readonly string[], width: number): readonly string[] {
  let used = 0;
  const end = all.findIndex((grapheme) => (used += graphemeWidth(grapheme)) > width);
  return end === -1 ? all : all.slice(0, end);
}

/** Lines of text of at most that width, broken between words, and within a word that is longer than a line. */
export function wrapText(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (textWidth(longer) <= width) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    line = word;
    while (textWidth(line) > width) {
      const head = clipText(line, Math.max(width, 2));
      lines.push(head);
      line = line.slice(head.length);
    }
  }
  return [...lines, line];
}
