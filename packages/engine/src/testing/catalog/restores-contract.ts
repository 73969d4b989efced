import { beforeEach, describe, expect, test } from 'vitest';
import type { Catalog } from '../../ports/catalog/catalog.ts';
import type { RestoreRow } from '../../ports/catalog/restores.ts';
import { allOf } from '../all-of.ts';
import { eventually } from '../eventually.ts';
import type { MakeCatalog } from './catalog-under-test.ts';
import { at, restoreRow } from './rows.ts';

export function restoresContract(make: MakeCatalog): void {
  let catalog: Catalog;

  beforeEach(async () => {
    ({ catalog } = await make());
  });

  describe('restores', () => {
    test('are found and replaced', async () => {
      const row = restoreRow('1', 0);
      await catalog.restores.put(row);
      const done = {
        ...row,
        state: 'completed',
        endedAt: at(3),
        files: 4,
        bytes: 5,
        execution: 'e',
      } as const;

      await catalog.restores.put(done);

      expect(await catalog.restores.find(row.restoreId)).toEqual(done);
      expect(await catalog.restores.find('absent')).toBeUndefined();
    });

    test('are listed newest first within a span of time', async () => {
      for (const [id, minute] of [
        ['1', 5],
        ['2', 9],
        ['3', 1],
      ] as const) {
        await catalog.restores.put(restoreRow(id, minute));
      }

      await eventually(async () => {
        expect(restoreIds(await allOf(catalog.restores.list()))).toEqual(['2', '1', '3']);
        expect(restoreIds(await allOf(catalog.restores.list({ from: at(1), to: at(5) })))).toEqual([
          '1',
          '3',
        ]);
      });
    });
  });
}

function restoreIds(list: readonly RestoreRow[]): string[] {
  return list.map((row) => row.restoreId.slice(-1));
}
