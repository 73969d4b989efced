import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { synthesize } from './synthesize.ts';

interface Part {
  readonly resources: Readonly<Record<string, object>>;
  readonly outputs: readonly string[];
}

const folder = join(import.meta.dirname, '..', 'fixtures', 'deployments');
const earlier = JSON.parse(readFileSync(join(folder, '2026-11.json'), 'utf8')) as Record<string, Part>;
const templates = Object.entries(synthesize()).map(([name, template]) => [
  `Holdfast${name.charAt(0).toUpperCase()}${name.slice(1)}`,
  template.toJSON() as { Resources: object; Outputs?: object },
]);
const today = Object.fromEntries(templates) as Record<string, { Resources: object; Outputs?: object }>;

describe.each(Object.keys(earlier))('an update of %s from an earlier version', (stack) => {
  test('replaces nothing that holds something', () => {
    expect(today[stack]?.Resources).toMatchObject(earlier[stack]?.resources ?? {});
  });

  test('keeps the outputs that people and programs know', () => {
    expect(Object.keys(today[stack]?.Outputs ?? {})).toEqual(
      expect.arrayContaining([...(earlier[stack]?.outputs ?? [])]),
    );
  });
});
