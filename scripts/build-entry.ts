import { readFileSync } from 'node:fs';
import { build, type BuildOptions, type Metafile, type Plugin } from 'esbuild';
import { commonOptions } from './published-package.ts';

export const resourceTypes = 'db.json.gz';
/** The table of what CloudFormation replaces. Its package reads it from above its own code, the program beside its own. */
const resourceTypesPlugin: Plugin = {
  name: 'resource-types',
  setup: (bundle) => {
    bundle.onLoad({ filter: /aws-service-spec[/\\]lib[/\\]index\.js$/ }, ({ path }) => {
      const code = readFileSync(path, 'utf8');
      const place = /__dirname, '\.\.',/;
      if (!place.test(code))
        throw new Error(`${path} no longer reads ${resourceTypes} from above its folder`);
      return { contents: code.replace(place, '__dirname,'), loader: 'js' };
    });
  },
};

/** The SDK warns on the console where a client's logger has this name: nobody has given it another. */
const loggerNamePlugin: Plugin = {
  name: 'logger-name',
  setup: (bundle) => {
    bundle.onLoad({ filter: /[/\\]NoOpLogger\.js$/ }, ({ path }) => ({
      contents: `${readFileSync(path, 'utf8')}\nObject.defineProperty(NoOpLogger, 'name', { value: 'NoOpLogger' });`,
      loader: 'js',
    }));
  },
};

/** Options of what runs on a user's Node with all that it needs in it. */
export const programOptions = {
  ...commonOptions,
  format: 'esm',
  target: 'node24',
  splitting: true,
  // Names are not kept: of a function that is made for each of many files, that takes twenty times as long as making it.
  // Errors have theirs written out.
  minify: true,
  mainFields: ['module', 'main'],
  plugins: [resourceTypesPlugin, loggerNamePlugin],
  // Some of what the SDK needs is CommonJS. A process reads few documents of a kind: for those, zod's compiling of schemas
  // takes longer than it saves, which `z.config` could say only after the first schemas are made.
  banner: {
    js:
      `import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url); ` +
      'const __dirname = import.meta.dirname; globalThis.__zod_globalConfig ??= { jitless: true };',
  },
} satisfies BuildOptions;

/** Bundles a module under its own name into a directory. */
export async function buildEntry(entry: string, directory: string): Promise<Metafile> {
  const options = { entryPoints: [entry], entryNames: '[name]', outdir: directory };
  return (await build({ ...programOptions, ...options })).metafile;
}

/**
 * Bundles what every thread of a backup or a restore loads. It is apart from the program, as shared chunks would have
 * each of them load the whole engine.
 */
export async function buildWorker(directory: string): Promise<void> {
  await buildEntry('packages/node/src/workers/directory-worker.ts', directory);
}
