const firstBehindAscii = 0x80;
const codePoints = 0x11_0000;

/**
 * Finds a key behind `from` at which a range of keys can be cut, given no more than a look at the first key from a text
 * on: first the beginning that all further keys share, then, by halving, another letter behind it that keys go on with.
 * Asks for as many keys as the logarithm of the length of `from`, and about ten more.
 * @param firstFrom - the first key of the range that is not before a text.
 * @returns `undefined` when no key lies behind `from`.
 */
export async function findSplitKey(
  from: string,
  firstFrom: (text: string) => Promise<string | undefined>,
): Promise<string | undefined> {
  // The key just behind another one is that key with a NUL, which no further key shares.
  const letters = Array.from(from.replace(/\0$/, ''));
  let shared = 0;
  for (let most = letters.length; shared < most;) {
    const middle = Math.ceil((shared + most) / 2);
    const behind = textBehind(letters.slice(0, middle));
    if (behind === undefined || (await firstFrom(behind)) === undefined) shared = middle;
    else most = middle - 1;
  }
  const beginning = letters.slice(0, shared).join('');
  const least = shared === letters.length ? 0 : codeOf(letters[shared]) + 1;
  let most = codePoints;
  for (let code = Math.max(least, firstBehindAscii); least < most; code = (least + most) >> 1) {
    const found = await firstFrom(beginning + letterOf(code));
    // A key that ends in a NUL may be the range's first one.
    if (found !== undefined && found !== from) return found;
    most = code;
  }
  return undefined;
}

/** The least text behind all texts with this beginning; none for one of the last letters there are. */
function textBehind(letters: readonly string[]): string | undefined {
  const last = letters.findLastIndex((letter) => codeOf(letter) + 1 < codePoints);
  return last < 0 ? undefined : letters.slice(0, last).join('') + letterOf(codeOf(letters[last]) + 1);
}

function codeOf(letter: string | undefined): number {
  return letter?.codePointAt(0) ?? 0;
}

/** Half of a pair of UTF-16 is no letter: the next one stands for it. */
function letterOf(code: number): string {
  return String.fromCodePoint(code >= 0xd800 && code <= 0xdfff ? 0xe000 : code);
}
