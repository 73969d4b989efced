import { beforeEach, describe, expect, test } from 'vitest';
import type { Catalog } from '../../ports/catalog/catalog.ts';
import type { MakeCatalog } from './catalog-under-test.ts';
import { at } from './rows.ts';

export function progressContract(make: MakeCatalog): void {
  let progress: Catalog['progress'];

  beforeEach(async () => {
    progress = (await make()).catalog.progress;
  });

  describe('progress', () => {
    test('is the sum of what all parts of one work have reported', async () => {
      const parts = Array.from({ length: 40 }, (_, part) => part);
      await Promise.all(
        parts.map(async (part) => progress.report('a', part, { files: part, bytes: 2 ** 40 }, at(1))),
      );
      await progress.report('b', 3, { files: 1000, bytes: 1000 }, at(1));

      expect(await progress.find('a')).toEqual({ files: 780, bytes: 40 * 2 ** 40 });
      expect(await progress.find('c')).toBeUndefined();
    });

    test('counts a part that reports again once', async () => {
      await progress.report('a', 0, { files: 1, bytes: 10 }, at(1));
      await progress.report('a', 17, { files: 5, bytes: 50 }, at(1));
      await progress.report('a', 0, { files: 3, bytes: 30 }, at(2));
      await progress.report('a', 0, { files: 3, bytes: 30 }, at(2));

      expect(await progress.find('a')).toEqual({ files: 8, bytes: 80 });
    });

    test('does not go back when a part begins anew, or when a report comes late', async () => {
      await progress.report('a', 0, { files: 5, bytes: 50 }, at(3));
      await progress.report('a', 0, { files: 1, bytes: 10 }, at(4));
      await progress.report('a', 0, { files: 4, bytes: 60 }, at(5));

      expect(await progress.find('a')).toEqual({ files: 5, bytes: 50 });
    });

    test('has the total, of which a half may not be known, once a part has reported', async () => {
      await progress.noteTotal('a', { files: 7, bytes: 70 }, at(0));
      await progress.noteTotal('a', { files: 9 }, at(0));
      expect(await progress.find('a')).toBeUndefined();

      await progress.report('a', 0, { files: 1, bytes: 10 }, at(1));

      expect(await progress.find('a')).toEqual({ files: 1, bytes: 10, total: { files: 9 } });
    });
  });
}
