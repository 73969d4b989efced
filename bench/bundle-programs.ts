import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));

/**
 * Bundles the command line and the benchmark's own step on S3 into a directory, with the worker that they start, so
 * that the start of a program is not measured by its number of source files.
 */
export async function bundlePrograms(
  directory: string,
): Promise<{ readonly holdfast: string; readonly s3Step: string }> {
  await build({
    absWorkingDir: here,
    entryPoints: {
      holdfast: 'holdfast.ts',
      's3-step': 's3-step.ts',
      'directory-worker': join('..', 'packages', 'node', 'src', 'workers', 'directory-worker.ts'),
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
  return { holdfast: join(directory, 'holdfast.mjs'), s3Step: join(directory, 's3-step.mjs') };
}
