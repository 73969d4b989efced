import { isUtf8 } from 'node:buffer';
import { compareBytes, equalBytes, fromUtf8, utf8 } from '../bytes.ts';
import { InvalidInputError } from '../errors.ts';

/**
 * A pattern of paths. `*` stands for any characters but `/`, `?` for one, `[a-z]` and `[!a-z]` for one of a class, `**`
 * for any directories, `{a,b}` for either, `\` takes the meaning of the next character away. Without a `/`, or with one at
 * its end alone, it matches at any depth, else from the top; with one at its end all that is below. A path that is the
 * text of a pattern itself matches, too.
 */
export interface Glob {
  /** Beginnings of paths that match, one of which each has, or is. */
  readonly starts: readonly GlobStart[];
  /** @param path - of a directory, with a slash at its end. */
  readonly matches: (path: Uint8Array) => boolean;
}

interface GlobStart {
  readonly bytes: Uint8Array;
  /** True where nothing follows them but a directory's slash. */
  readonly isWhole: boolean;
}

/** A character by its code point; a byte that is not UTF-8 has a place of its own, among the surrogates. */
type Character = number;
type Token = Character | 'one' | 'some' | ((character: Character) => boolean);
const codeOf = (text: string): Character => text.codePointAt(0) as Character;
type Segment = '**' | 'any' | readonly Token[];

const strayByte = 0xdc00;
const mostAlternatives = 1_000;
const slash = 0x2f;

/**
 * Own code and no library: picomatch and minimatch match units of UTF-16, so a byte that is not UTF-8 has no place and `?`
 * is half of an emoji; and by regular expressions that go back, for which a hostile name can take hours. This takes at most
 * the length of the path times that of the pattern.
 * @throws {@link InvalidInputError} the pattern is empty, or has too many alternatives.
 */
export function parseGlob(text: string): Glob {
  if (text === '' || text === '/')
    throw new InvalidInputError('a pattern is empty; write "**" for everything');
  const alternatives = expandBraces(text)
    .map(segmentsOf)
    .map((segments) => ({ segments, tail: tailOf(segments) }));
  const exact = utf8(text);
  return {
    starts: [{ bytes: exact, isWhole: true }, ...alternatives.map(({ segments }) => startOf(segments))],
    matches: (path) => {
      // Most paths end otherwise, which is quickly seen.
      const possible = alternatives.filter(({ tail }) => endsWith(path, tail));
      if (possible.length === 0) return equalBytes(path, exact);
      const parts = splitAtSlashes(charactersOf(path));
      // A directory is found by its name, and as the first thing below itself.
      const readings = path.at(-1) === slash ? [parts, parts.slice(0, -1)] : [parts];
      return (
        equalBytes(path, exact) ||
        readings.some((reading) => possible.some(({ segments }) => matchesSegments(segments, reading)))
      );
    },
  };
}

/**
 * True unless nothing below a directory matches.
 * @param directory - with a slash at its end; empty for the top.
 */
export function mayMatchBelow({ starts }: Glob, directory: Uint8Array): boolean {
  return starts.some(({ bytes, isWhole }) => {
    const common = Math.min(bytes.length, directory.length);
    const isOnWay = compareBytes(bytes.subarray(0, common), directory.subarray(0, common)) === 0;
    return isOnWay && (!isWhole || directory.length < bytes.length);
  });
}

/** The patterns without braces that a pattern stands for. A brace that is not closed, or has no comma, is a character. */
function expandBraces(text: string): readonly string[] {
  const done: string[] = [];
  const open = [text];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const found = findBraces(next);
    if (found === undefined) done.push(next);
    else open.push(...found.choices.map((choice) => found.before + choice + found.after).reverse());
    if (done.length + open.length > mostAlternatives)
      throw new InvalidInputError(
        `the pattern ${JSON.stringify(text)} has more than ${mostAlternatives} alternatives; write several patterns`,
      );
  }
  return done;
}

function findBraces(text: string) {
  const starts: { readonly at: number; readonly commas: number[] }[] = [];
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === '\\') at++;
    else if (sign === '{') starts.push({ at, commas: [] });
    else if (sign === ',') starts.at(-1)?.commas.push(at);
    else if (sign === '}') {
      const start = starts.pop();
      if (start === undefined || start.commas.length === 0) continue;
      const ends = [...start.commas, at];
      const choices = ends.map((end, index) => text.slice((ends[index - 1] ?? start.at) + 1, end));
      return { before: text.slice(0, start.at), choices, after: text.slice(at + 1) };
    }
  }
  return undefined;
}

function segmentsOf(text: string): readonly Segment[] {
  const isAnchored = text.slice(0, -1).includes('/');
  const parts = (text.startsWith('/') ? text.slice(1) : text).split('/');
  if (parts.at(-1) === '') parts[parts.length - 1] = '**';
  const segments = parts.map((part): Segment => (part === '**' ? '**' : tokensOf(part)));
  const below: readonly Segment[] = parts.at(-1) === '**' ? ['any'] : [];
  return [...(isAnchored ? [] : ['**' as const]), ...segments, ...below];
}

function tokensOf(text: string): readonly Token[] {
  const characters = Array.from(text, codeOf);
  const tokens: Token[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] as Character;
    const sign = String.fromCodePoint(character);
    const end = sign === '[' ? endOfClass(characters, at) : undefined;
    if (sign === '\\' && at + 1 < characters.length) tokens.push(characters[++at] as Character);
    else if (sign === '?') tokens.push('one');
    else if (sign === '*') tokens.push('some');
    else if (end !== undefined) {
      tokens.push(classOf(characters.slice(at + 1, end)));
      at = end;
    } else tokens.push(character);
  }
  return tokens;
}

/** `undefined` for a bracket that is not closed: it stands for itself. One that closes at once is in the class. */
function endOfClass(characters: readonly Character[], start: number): number | undefined {
  const first = isNegation(characters[start + 1]) ? start + 2 : start + 1;
  const end = characters.indexOf(codeOf(']'), first + 1);
  return end < 0 ? undefined : end;
}

function isNegation(character: Character | undefined): boolean {
  return character === codeOf('!') || character === codeOf('^');
}

function classOf(characters: readonly Character[]): (character: Character) => boolean {
  const isNegated = isNegation(characters[0]);
  const members = isNegated ? characters.slice(1) : characters;
  const ranges: (readonly [Character, Character])[] = [];
  for (let at = 0; at < members.length; at++) {
    const from = members[at] as Character;
    const to = members[at + 1] === codeOf('-') ? members[at + 2] : undefined;
    ranges.push([from, to ?? from]);
    if (to !== undefined) at += 2;
  }
  return (character) => ranges.some(([from, to]) => from <= character && character <= to) !== isNegated;
}

/** The characters before anything that stands for others. */
function startOf(segments: readonly Segment[]): GlobStart {
  let start = '';
  for (const [index, segment] of segments.entries()) {
    if (index > 0) start += '/';
    if (typeof segment === 'string') return { bytes: utf8(start), isWhole: false };
    for (const token of segment) {
      if (typeof token !== 'number') return { bytes: utf8(start), isWhole: false };
      start += String.fromCodePoint(token);
    }
  }
  return { bytes: utf8(start), isWhole: true };
}

/** The characters behind anything that stands for others. */
function tailOf(segments: readonly Segment[]): Uint8Array {
  const last = segments.at(-1);
  if (last === undefined || typeof last === 'string') return new Uint8Array();
  const tail = last.slice(last.findLastIndex((token) => !isPlain(token)) + 1);
  return utf8(String.fromCodePoint(...tail.filter(isPlain)));
}

/** False for what stands for others, and for a byte that is not UTF-8. */
function isPlain(token: Token): token is Character {
  return typeof token === 'number' && (token < 0xd800 || token > 0xdfff);
}

/** A directory's slash does not count. */
function endsWith(path: Uint8Array, tail: Uint8Array): boolean {
  const end = path.at(-1) === slash ? path.length - 1 : path.length;
  if (tail.length > end) return false;
  for (let at = 1; at <= tail.length; at++) if (path[end - at] !== tail[tail.length - at]) return false;
  return true;
}

function charactersOf(bytes: Uint8Array): readonly Character[] {
  const characters: Character[] = [];
  if (isUtf8(bytes)) {
    for (const character of fromUtf8(bytes)) characters.push(codeOf(character));
    return characters;
  }
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at] as number;
    const piece = bytes.subarray(at, at + (lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4));
    const isCharacter = isUtf8(piece);
    characters.push(isCharacter ? codeOf(fromUtf8(piece)) : strayByte + lead);
    at += isCharacter ? piece.length : 1;
  }
  return characters;
}

function splitAtSlashes(characters: readonly Character[]): readonly (readonly Character[])[] {
  const parts: (readonly Character[])[] = [];
  let from = 0;
  for (let at = characters.indexOf(slash); at >= 0; at = characters.indexOf(slash, from)) {
    parts.push(characters.slice(from, at));
    from = at + 1;
  }
  return [...parts, characters.slice(from)];
}

function matchesSegments(segments: readonly Segment[], parts: readonly (readonly Character[])[]): boolean {
  return matchesAll(segments, parts, (segment) => segment === '**', matchesSegment);
}

/** No star stands for a name that is empty, as between two slashes. */
function matchesSegment(segment: Segment, part: readonly Character[]): boolean {
  if (typeof segment === 'string') return segment === 'any';
  return part.length === 0 ? segment.length === 0 : matchesAll(segment, part, isStar, matchesToken);
}

const isStar = (token: Token): boolean => token === 'some';

function matchesToken(token: Token, character: Character): boolean {
  if (typeof token === 'function') return token(character);
  return token === 'one' || token === character;
}

/** Matches a list whose stars stand for any number of items. Only the last star is ever gone back to. */
function matchesAll<Part, Item>(
  pattern: readonly Part[],
  items: readonly Item[],
  isAnyNumber: (part: Part) => boolean,
  fits: (part: Part, item: Item) => boolean,
): boolean {
  let [at, item] = [0, 0];
  let star: { readonly at: number; item: number } | undefined;
  while (item < items.length) {
    const part = pattern[at];
    if (at < pattern.length && isAnyNumber(part as Part)) star = { at: at++, item };
    else if (at < pattern.length && fits(part as Part, items[item] as Item)) [at, item] = [at + 1, item + 1];
    else if (star !== undefined) [at, item] = [star.at + 1, ++star.item];
    else return false;
  }
  while (at < pattern.length && isAnyNumber(pattern[at] as Part)) at++;
  return at === pattern.length;
}
