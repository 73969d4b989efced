import { utf8 } from '../../src/bytes.ts';
import type { SeededRandom } from '../../src/testing/index.ts';
import type { Harness } from './harness.ts';

/** Keys that file systems and careless code stumble over. */
const awkward: readonly Uint8Array[] = [
  utf8('../../etc/passwd'),
  utf8('a/'),
  utf8('a'),
  utf8('a//b'),
  utf8('//'),
  utf8('/'),
  utf8('/leading'),
  utf8('./.'),
  utf8('naïve/日本/🙂'),
  utf8('\u0001\u001f\u007f'),
  utf8('new\nline\ttab'),
  utf8('__proto__'),
  utf8('%2e%2e%2f'),
  utf8('k'.repeat(1_024)),
  Uint8Array.of(0xff, 0x2f, 0xfe),
  Uint8Array.of(0xff, 0xff),
];

/** Draws numbers and choices; the same for the same seed. */
export class Dice {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    return Buffer.from(this.#random.bytes(4)).readUInt32BE(0) % limit;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  bytes(count: number): Uint8Array {
    return this.#random.bytes(count);
  }
}

/** Contents of all sorts: none, tiny, the same as others', compressible, and now and then of several chunks. */
function drawContent(dice: Dice): Uint8Array {
  switch (dice.below(12)) {
    case 0:
      return new Uint8Array();
    case 1:
    case 2:
      return utf8(`shared ${dice.below(4)}`);
    case 3:
      return Buffer.alloc(1 + dice.below(30_000), `text ${dice.below(9)}\n`);
    case 4:
      return dice.below(8) === 0 ? dice.bytes(1_200_000 + dice.below(800_000)) : dice.bytes(2_000);
    default:
      return dice.bytes(1 + dice.below(300));
  }
}

function drawPath(dice: Dice): Uint8Array {
  if (dice.below(6) === 0) return dice.pick(awkward);
  const folders = ['', 'a/', 'b/', 'b/c/', 'photos/2025/', 'photos/2026/', 'z'];
  return utf8(`${dice.pick(folders)}${dice.below(40)}${dice.pick(['', '.txt', '/x', '-'])}`);
}

function drawTexts(dice: Dice, name: string): Record<string, string> {
  return dice.below(3) > 0
    ? {}
    : { [`${name}-${dice.below(3)}`]: `value ${dice.below(5)}`, ['__proto__x']: 'é' };
}

/** Adds, edits, renames, deletes and retags entries of the harness's source at random. */
export async function changeSource(harness: Harness, dice: Dice, changes: number): Promise<void> {
  const { source } = harness;
  for (let change = 0; change < changes; change += 1) {
    const paths = (await Array.fromAsync(source.list({}))).map(({ path }) => path);
    const known = paths.length === 0 ? drawPath(dice) : dice.pick(paths);
    const found = await harness.snapshotOfPath(known);
    harness.clock.advance(dice.below(2_000));
    switch (dice.below(9)) {
      case 0:
        source.remove(known);
        break;
      case 1:
        if (found === undefined) break;
        source.remove(known);
        source.plant(drawPath(dice), found.content, { attributes: found.entry.attributes });
        break;
      case 2:
        // A change of tags alone leaves time and change token as they were.
        if (found !== undefined)
          source.plant(known, found.content, { ...found.entry, tags: drawTexts(dice, 'tag') });
        break;
      case 3:
        if (found !== undefined)
          source.plant(known, Buffer.concat([found.content, dice.bytes(1 + dice.below(50))]));
        break;
      case 4:
        source.plant(known, drawContent(dice), { attributes: { 'content-type': `type ${dice.below(3)}` } });
        break;
      default:
        source.plant(drawPath(dice), drawContent(dice), {
          attributes: drawTexts(dice, 'attribute'),
          userMetadata: drawTexts(dice, 'user'),
          tags: drawTexts(dice, 'tag'),
        });
    }
  }
}
