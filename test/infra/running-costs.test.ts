import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withRunningCosts } from '../../scripts/running-costs.ts';

const readme = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');

test('README says what running costs with the functions, alarms, metrics and prices of today', () => {
  const now = withRunningCosts(readme);

  expect(now, 'README.md is out of date: run "npm run costs"').toBe(readme);
});

test('a README without the place for the tables is refused', () => {
  expect(() => withRunningCosts('# Holdfast')).toThrow('README.md needs the lines');
});
