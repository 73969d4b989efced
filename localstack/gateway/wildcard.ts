/** Matches a text against a pattern in which `*` is any run, `?` any one character, and `\` escapes both. */
export function matchesPattern(pattern: string, text: string): boolean {
  const source = pattern.replaceAll(/\\[*?\\]|[\s\S]/gu, (part) => {
    if (part === '*') return '[\\s\\S]*';
    if (part === '?') return '[\\s\\S]';
    const literal = part.length > 1 && part.startsWith('\\') ? part.slice(1) : part;
    return literal.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, String.raw`\$&`);
  });
  return new RegExp(`^${source}$`, 'u').test(text);
}
