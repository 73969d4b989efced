import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PipelineFunction } from '../../lib/functions/pipeline-function.ts';
import { bundleHandlers } from '../../lib/functions/handler-bundle.ts';

const places = mkdtempSync(join(tmpdir(), 'holdfast-bundles-'));

/** A bundle that is only looked at. */
let near: string;

beforeAll(() => {
  near = bundle('a');
});

afterAll(() => rmSync(places, { recursive: true, force: true }));

/** Bundles the functions into a cloud assembly there. @returns the folder of the asset, whose name is its hash. */
function bundle(place: string): string {
  const app = new App({ outdir: join(places, place) });
  const stack = new Stack(app, 'Stack');
  const what = { machine: 'cycle', code: bundleHandlers(stack), environment: {}, statements: [] };
  void new PipelineFunction(stack, 'One', { name: 'start-cycle', ...what });
  void new PipelineFunction(stack, 'Two', { name: 'report-cycle', ...what });
  const { directory } = app.synth();
  const assets = readdirSync(directory).filter((name) => name.startsWith('asset.'));
  expect(assets).toHaveLength(1);
  return join(directory, assets[0] ?? 'none');
}

test('a bundle is the same wherever it is made, with its source map', () => {
  const far = bundle('some/where/else');

  expect(near.split('/').at(-1)).toBe(far.split('/').at(-1));
  const { sources } = JSON.parse(readFileSync(join(near, 'cycle.mjs.map'), 'utf8')) as { sources: string[] };
  expect(sources).toContain('lambdas/cycle/cycle.lambda.ts');
  for (const source of sources) expect(source).toMatch(/^(lambdas|packages|node_modules)\//);
});

test('the stack of an error names places in the sources, without a flag of Node', () => {
  const bundled = join(near, 'cycle.mjs');
  const program = `await import(${JSON.stringify(bundled)}).catch((error) => console.log(error.stack))`;

  const stack = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    env: { ...process.env, STEP: 'no-such-step', NODE_OPTIONS: '' },
    encoding: 'utf8',
  });

  const [, line] = /\(lambdas\/runtime\/serve\.ts:(\d+):\d+\)/.exec(stack) ?? [];
  const lines = readFileSync(join(import.meta.dirname, '../../lambdas/runtime/serve.ts'), 'utf8').split('\n');
  expect(stack).toMatch(/^TypeError: the function is told the step no-such-step/);
  expect(lines[Number(line) - 1]).toContain('new TypeError(');
  expect(stack).not.toContain('chunk-');
});
