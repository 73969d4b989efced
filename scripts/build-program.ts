import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type BuildOptions, type Metafile } from 'esbuild';
import { manPages } from './command-reference.ts';
import { commonOptions, emptied, finish } from './published-package.ts';

/** Options of what runs on a user's Node with all that it needs in it. */
export const programOptions = {
  ...commonOptions,
  format: 'esm',
  target: 'node24',
  splitting: true,
  minify: true,
  mainFields: ['module', 'main'],
  // Some of what the SDK needs is CommonJS.
  banner: {
    js: `import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);`,
  },
} satisfies BuildOptions;

/** Makes the package `holdfast`, the command line, in a directory that it empties first. */
export async function buildProgram(directory: string): Promise<void> {
  emptied(directory);
  const buildEntry = async (entry: string): Promise<Metafile> => {
    const options = { entryPoints: [entry], entryNames: '[name]', outdir: directory };
    return (await build({ ...programOptions, ...options })).metafile;
  };
  // Apart, as shared chunks would have every thread load the whole engine. All that is in the worker is in the program.
  await buildEntry('packages/node/src/workers/directory-worker.ts');
  const metafile = await buildEntry('packages/cli/bin/holdfast.js');
  const pages = manPages();
  mkdirSync(join(directory, 'man'));
  for (const [name, page] of pages) writeFileSync(join(directory, 'man', name), page);
  finish('cli', directory, metafile, {
    name: 'holdfast',
    description:
      'The command line of Holdfast: looks at backups, starts them, and restores, also without a deployment',
    keywords: ['aws', 'backup', 'restore', 'cli'],
    type: 'module',
    bin: { holdfast: 'holdfast.js' },
    man: [...pages.keys()].map((name) => `man/${name}`),
    engines: { node: '>=24' },
  });
}
