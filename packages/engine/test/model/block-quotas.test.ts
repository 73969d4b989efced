import { expect, test } from 'vitest';
import { blockRates } from '../../src/model/block-quotas.ts';

test('takes four fifths of what an account may read, by default or as it was raised, and nine tenths of a snapshot', () => {
  expect(blockRates('eu-central-1')).toEqual({ account: 800, snapshot: 900 });
  expect(blockRates('us-east-1')).toEqual({ account: 4000, snapshot: 900 });
  expect(blockRates('eu-central-1', 3000)).toEqual({ account: 2400, snapshot: 900 });
});
