import { beforeEach, describe, expect, test } from 'vitest';
import type { SharedRecords } from '../ports/shared-records.ts';

export interface SharedRecordsContractOptions {
  readonly name: string;
  /** Records of which there are none yet, made anew for every test. */
  readonly make: () => Promise<SharedRecords>;
}

/** Sentences of the {@link SharedRecords} port, as tests. */
export function sharedRecordsContract({ name, make }: SharedRecordsContractOptions): void {
  describe(`${name} as records that workers share`, () => {
    let records: SharedRecords;
    beforeEach(async () => {
      records = await make();
    });

    test('keeps the record of each name', async () => {
      const record = { second: 7, account: { given: 64 }, holders: ['a', 'b'] };
      expect(await records.find('read-block')).toBeUndefined();

      expect(await records.replace('read-block', undefined, record)).toBe('replaced');

      expect((await records.find('read-block'))?.record).toEqual(record);
      expect(await records.find('write-block')).toBeUndefined();
    });

    test('lets one of those replace a record who read the same', async () => {
      const replaceAll = async (version?: number) =>
        Promise.all([1, 2, 3].map((at) => records.replace('read-block', version, { at })));

      const first = await replaceAll();
      const second = await replaceAll((await records.find('read-block'))?.version);

      expect(first.toSorted()).toEqual(['changed', 'changed', 'replaced']);
      expect(second.toSorted()).toEqual(['changed', 'changed', 'replaced']);
      expect((await records.find('read-block'))?.record).toEqual({ at: 1 + second.indexOf('replaced') });
    });
  });
}
