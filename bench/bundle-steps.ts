import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));

/**
 * Bundles the steps of the benchmark and the worker that they start, as the functions are bundled for AWS: the start of
 * a program must not be measured by the number of files of its source.
 * @param directory - is written to.
 * @returns the steps' programs.
 */
export async function bundleSteps(
  directory: string,
): Promise<{ readonly holdfastStep: string; readonly s3Step: string }> {
  await build({
    absWorkingDir: here,
    entryPoints: {
      'holdfast-step': 'holdfast-step.ts',
      's3-step': 's3-step.ts',
      'directory-worker': join('..', 'packages', 'node', 'src', 'directory-worker.ts'),
    },
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    minify: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    // Some of the SDK's dependencies are CommonJS.
    banner: {
      js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`,
    },
    logLevel: 'warning',
  });
  return { holdfastStep: join(directory, 'holdfast-step.mjs'), s3Step: join(directory, 's3-step.mjs') };
}
