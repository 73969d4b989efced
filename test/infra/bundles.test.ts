import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { afterAll, expect, test } from 'vitest';
import { PipelineFunction } from '../../lib/constructs/pipeline-function.ts';

const places = mkdtempSync(join(tmpdir(), 'holdfast-bundles-'));

afterAll(() => rmSync(places, { recursive: true, force: true }));

/** Bundles a function into a cloud assembly there. @returns the folder of the asset, whose name is its hash. */
function bundle(place: string): string {
  const app = new App({ outdir: join(places, place) });
  const stack = new Stack(app, 'Stack');
  void new PipelineFunction(stack, 'Function', { name: 'start-cycle', environment: {}, statements: [] });
  const { directory } = app.synth();
  const asset = readdirSync(directory).find((name) => name.startsWith('asset.'));
  return join(directory, asset ?? 'none');
}

test('a bundle is the same wherever it is made, with its source map', () => {
  const [near, far] = [bundle('a'), bundle('some/where/else')];

  expect(near.split('/').at(-1)).toBe(far.split('/').at(-1));
  const { sources } = JSON.parse(readFileSync(join(near, 'index.js.map'), 'utf8')) as { sources: string[] };
  expect(sources).toContain('lambdas/start-cycle/handler.ts');
  for (const source of sources) expect(source).toMatch(/^(lambdas|packages|node_modules)\//);
});
