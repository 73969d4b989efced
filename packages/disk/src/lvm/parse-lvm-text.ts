import { DiskDamagedError } from '../errors.ts';

/** A value of LVM's metadata: a section's entries by their names, or a list. */
export type LvmValue = string | number | readonly LvmValue[] | LvmSection;
export type LvmSection = ReadonlyMap<string, LvmValue>;

const mostDepth = 8;
/** Names, numbers, texts, signs; what is left between them are blanks and comments. */
const token =
  /\s+|#[^\n]*|(?<text>"(?:[^"\\]|\\.)*")|(?<number>-?\d+)(?![\w.+-])|(?<name>[\w.+-]+)|(?<sign>[[\]{}=,])/gy;

type Token =
  | { readonly kind: 'text' | 'name' | 'sign'; readonly value: string }
  | { readonly kind: 'number'; readonly value: number };

/**
 * Parses LVM's metadata, which is text.
 * @throws {@link DiskDamagedError} it is not of that form, or its sections lie deeper than any of LVM.
 */
export function parseLvmText(text: string): LvmSection {
  const tokens = tokensOf(text);
  let at = 0;
  const root = section(0);
  if (at < tokens.length) throw damagedAt('}');
  return root;

  function section(depth: number): LvmSection {
    if (depth > mostDepth)
      throw new DiskDamagedError(`LVM metadata has sections within more than ${mostDepth} others`);
    const entries = new Map<string, LvmValue>();
    for (let next = tokens[at]; next !== undefined && next.value !== '}'; next = tokens[at]) {
      // A name can begin with digits, or be all of them.
      if (next.kind !== 'name' && next.kind !== 'number') throw damagedAt(next.value);
      at += 1;
      if (take('=')) {
        entries.set(`${next.value}`, value());
        continue;
      }
      expect('{');
      entries.set(`${next.value}`, section(depth + 1));
      expect('}');
    }
    return entries;
  }

  function value(): LvmValue {
    if (take('[')) {
      const list: LvmValue[] = [];
      while (!take(']')) {
        if (list.length > 0) expect(',');
        list.push(scalar());
      }
      return list;
    }
    return scalar();
  }

  function scalar(): LvmValue {
    const next = tokens[at];
    if (next === undefined || next.kind === 'sign' || next.kind === 'name') throw damagedAt(next?.value);
    at += 1;
    return next.value;
  }

  function take(sign: string): boolean {
    const next = tokens[at];
    if (next?.kind !== 'sign' || next.value !== sign) return false;
    at += 1;
    return true;
  }

  function expect(sign: string): void {
    if (!take(sign)) throw damagedAt(tokens[at]?.value);
  }
}

function damagedAt(found: string | number | undefined): DiskDamagedError {
  return new DiskDamagedError(
    `LVM metadata has ${found === undefined ? 'an early end' : `"${found}"`} out of place`,
  );
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (const match of text.matchAll(token)) {
    at = match.index + match[0].length;
    const { text: quoted, number, name, sign } = match.groups ?? {};
    if (quoted !== undefined)
      tokens.push({ kind: 'text', value: quoted.slice(1, -1).replaceAll(/\\(.)/g, '$1') });
    else if (number !== undefined) tokens.push({ kind: 'number', value: Number(number) });
    else if (name !== undefined) tokens.push({ kind: 'name', value: name });
    else if (sign !== undefined) tokens.push({ kind: 'sign', value: sign });
  }
  if (at < text.length)
    throw new DiskDamagedError(`LVM metadata has something that is no text of LVM at character ${at}`);
  return tokens;
}
