import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import * as z from 'zod';
import { mapStacks } from '../../lambdas/runtime/map-stacks.ts';

beforeEach(() => {
  const before: unknown = Reflect.get(Error, 'prepareStackTrace');
  onTestFinished(() => void Reflect.set(Error, 'prepareStackTrace', before));
  mapStacks();
});

test('a stack begins with the name of its error, also of one that says something else as text', () => {
  expect(() => z.string().parse(7)).toThrow(
    expect.objectContaining({ stack: expect.stringMatching(/^ZodError: \[/) }),
  );
});

test('a stack names places in the bundle where its map is damaged', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-maps-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'chunk.mjs');
  writeFileSync(file, "export const error = new Error('at chunk.mjs:1:1');\n");
  writeFileSync(`${file}.map`, '{"version":3,');

  const { error } = createRequire(import.meta.url)(file) as { error: Error };

  expect(error.stack).toMatch(/^Error: at chunk\.mjs:1:1\n/);
  expect(error.stack).toContain(`    at ${pathToFileURL(file).href}:1:22`);
});
