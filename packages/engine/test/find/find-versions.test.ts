import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { fromUtf8 } from '../../src/bytes.ts';
import { findVersions } from '../../src/find/find-versions.ts';
import { parseGlob } from '../../src/find/glob.ts';
import type { FileSource } from '../../src/ports/file-source.ts';
import type { PointReader } from '../../src/restore/point-reader.ts';
import { Harness } from '../runs/harness.ts';

/** Lines such as `a.txt (there): 5 B in 0,1 | 3 B in 2`; of points, the newest is 0. */
async function find(points: readonly PointReader[], ...globs: readonly string[]): Promise<string[]> {
  const lines: string[] = [];
  for await (const { path, versions, newest } of findVersions(points, globs.map(parseGlob))) {
    const texts = versions.map(({ file, points: having }) => `${file.entry.size} B in ${having.join()}`);
    lines.push(`${fromUtf8(path)} (${newest}): ${texts.join(' | ')}`);
  }
  return lines;
}

/** Three points: a file changes twice, one goes, one comes; of another the metadata alone. */
async function threePoints() {
  const harness = new Harness('find');
  const back = async (type: 'full' | 'incremental') => (await harness.backUp(type)).root.point;
  const ids = [];
  harness.source.plant('docs/a.txt', 'one');
  harness.source.plant('docs/gone.txt', 'gone');
  harness.source.plant('docs/tagged.txt', 'same');
  harness.source.plant('other/same.txt', 'same');
  ids.push(await back('full'));
  harness.source.plant('docs/a.txt', 'two words');
  harness.source.plant('docs/tagged.txt', 'same', { tags: { team: 'a' } });
  ids.push(await back('incremental'));
  harness.source.plant('docs/a.txt', 'three words of it');
  harness.source.plant('docs/new.txt', 'n');
  harness.source.remove('docs/gone.txt');
  ids.push(await back('incremental'));
  return Promise.all(ids.reverse().map(async (id) => harness.open(id)));
}

describe('a search through the points of a resource', () => {
  test('finds every version once, with the points that have it, and what is gone', async () => {
    const points = await threePoints();

    expect(await find(points, '*.txt')).toEqual([
      'docs/a.txt (there): 17 B in 0 | 9 B in 1 | 3 B in 2',
      'docs/gone.txt (gone): 4 B in 1,2',
      'docs/new.txt (there): 1 B in 0',
      'docs/tagged.txt (there): 4 B in 0,1 | 4 B in 2',
      'other/same.txt (there): 4 B in 0,1,2',
    ]);
  });

  test('takes several patterns, and has what fits any of them once', async () => {
    const points = await threePoints();

    expect(await find(points, 'docs/n*', 'docs/new.txt', 'other/**', 'docs/g*')).toEqual([
      'docs/gone.txt (gone): 4 B in 1,2',
      'docs/new.txt (there): 1 B in 0',
      'other/same.txt (there): 4 B in 0,1,2',
    ]);
  });

  test('tells versions apart that only their content tells apart', async () => {
    const harness = new Harness('same facts');
    harness.source.plant('a', 'x'.repeat(100));
    const first = await harness.backUp('full');
    const other: FileSource = {
      now: async () => harness.source.now(),
      list: (range, signal) => harness.source.list(range, signal),
      open: async (listed, options) => ({
        ...(await harness.source.open(listed, options)),
        content: Readable.from([Buffer.from('y'.repeat(100))]),
      }),
    };
    const second = await harness.backUp('full', { source: other });
    const points = [await harness.open(second.root.point), await harness.open(first.root.point)];

    expect(await find(points, 'a')).toEqual(['a (there): 100 B in 0 | 100 B in 1']);
  });

  test('does not take for gone what the newest point could not read', async () => {
    const harness = new Harness('unread');
    harness.source.plant('a', 'content');
    harness.source.plant('b', 'content');
    harness.source.plant('c', 'content');
    const first = await harness.backUp('full');
    harness.source.trap('a', 'deny');
    harness.source.remove('b');
    const second = await harness.backUp('full');
    const points = [await harness.open(second.root.point), await harness.open(first.root.point)];

    expect(await find(points, '*')).toEqual([
      'a (unread): 7 B in 1',
      'b (gone): 7 B in 1',
      'c (there): 7 B in 0,1',
    ]);
  });
});
