import { beforeEach, describe, expect, test } from 'vitest';
import type { Catalog } from '../../ports/catalog/catalog.ts';
import type { HoldRow } from '../../ports/catalog/holds.ts';
import { allOf } from '../all-of.ts';
import type { MakeCatalog } from './catalog-under-test.ts';
import { at, bucketArn, holdIdOf, holdRow, pointRow } from './rows.ts';

export function holdsContract(make: MakeCatalog): void {
  let catalog: Catalog;
  const { pointId } = pointRow(1);
  const second = holdIdOf('2');

  beforeEach(async () => {
    ({ catalog } = await make());
  });

  describe('holds', () => {
    test.each<HoldRow['scope']>([
      { kind: 'point', pointId },
      { kind: 'resource', resourceArn: bucketArn('photos') },
      { kind: 'tag', key: 'case', value: '' },
    ])('on a $kind are found at once, and can be put again', async (scope) => {
      const row = holdRow('1', 3, { scope });

      await catalog.holds.put(row);
      await catalog.holds.put(row);

      expect(await catalog.holds.find(row.holdId)).toEqual(row);
      expect(await catalog.holds.find(second)).toBeUndefined();
    });

    test('are listed at once, newest first, released ones too', async () => {
      const rows = [holdRow('1', 5), holdRow('2', 9), holdRow('3', 1)];
      const released: HoldRow = {
        ...holdRow('2', 9),
        releasedAt: at(20),
        releasedBy: 'arn:aws:iam::123456789012:user/grace',
        releaseReason: 'the case is closed',
      };
      for (const row of rows) await catalog.holds.put(row);
      await catalog.holds.put(released);

      expect(await allOf(catalog.holds.list())).toEqual([released, holdRow('1', 5), holdRow('3', 1)]);
      expect(await catalog.holds.find(second)).toEqual(released);
    });
  });
}
