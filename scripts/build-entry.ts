import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, transform, type BuildOptions, type Metafile, type Plugin } from 'esbuild';
import { directImports } from './direct-imports.ts';
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

/** Commander starts subcommands that are programs of their own; there are none, and loading what would takes 3 ms. */
const noSubprogramsPlugin: Plugin = {
  name: 'no-subprograms',
  setup: (bundle) => {
    bundle.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      /[/\\]commander[/\\]lib[/\\]command\.js$/.test(importer)
        ? { path: 'no-subprograms', namespace: 'no-subprograms' }
        : undefined,
    );
    bundle.onLoad({ filter: /.*/, namespace: 'no-subprograms' }, () => ({ contents: 'export default {};' }));
  },
};

/** Options of what runs on a user's Node with all that it needs in it. */
const programOptions = {
  ...commonOptions,
  target: 'node24',
  // Names are not kept: of a function that is made for each of many files, that takes twenty times as long as making it.
  // Errors have theirs written out.
  minify: true,
  mainFields: ['module', 'main'],
  plugins: [directImports, resourceTypesPlugin, loggerNamePlugin, noSubprogramsPlugin],
} satisfies BuildOptions;

/**
 * A process reads few documents of a kind: for those, zod's compiling of schemas takes longer than it saves, which `z.config`
 * could say only after the first schemas are made.
 */
const noCompiledSchemas = 'globalThis.__zod_globalConfig ??= { jitless: true };';

/** Options of a module that Node loads, and that is alone in its bundle. */
export const aloneOptions = {
  ...programOptions,
  format: 'esm',
  // Some of what the SDK needs is CommonJS.
  banner: {
    js:
      "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url); " +
      noCompiledSchemas,
  },
} satisfies BuildOptions;

const inCommonJs = {
  'import.meta.dirname': '__dirname',
  'import.meta.filename': '__filename',
  'import.meta.url': '__fileUrl',
};

/** Bundles the module that begins a process or a thread. */
export async function buildStart(
  entry: string,
  file: string,
  plugins: readonly Plugin[] = [],
): Promise<void> {
  const banner = {
    js: '"use strict"; const __fileUrl = require(\'node:url\').pathToFileURL(__filename).href;',
  };
  const options = { ...programOptions, format: 'cjs', define: inCommonJs, banner } as const;
  await build({ ...options, entryPoints: [entry], outfile: file, plugins: [...plugins] });
}

/** Bundles a module, and what it imports at run time, as functions that `CompiledModules` loads. */
export async function buildModules(entry: string, name: string, directory: string): Promise<Metafile> {
  const { outputFiles, metafile } = await build({
    ...programOptions,
    format: 'esm',
    splitting: true,
    define: inCommonJs,
    entryPoints: { [name]: entry },
    outdir: directory,
    write: false,
  });
  for (const { path, text } of outputFiles) {
    // esbuild splits modules of ECMAScript only, and V8 keeps compiled code of scripts only.
    const { code } = await transform(text, {
      format: 'cjs',
      target: programOptions.target,
      platform: programOptions.platform,
      minify: true,
      // Else Node would load what is imported at run time.
      supported: { 'dynamic-import': false },
    });
    const head = `(function(exports,require,module,__filename,__dirname){"use strict";${noCompiledSchemas}`;
    writeFileSync(path, `${head}${code}})`);
  }
  return metafile;
}

/**
 * Bundles what every thread of a backup or a restore loads. It is apart from the program, as shared chunks would have
 * each of them load more than it needs.
 */
export async function buildWorker(directory: string): Promise<void> {
  await buildStart('packages/node/src/workers/start-worker.ts', join(directory, 'directory-worker.js'));
  await buildModules('packages/node/src/workers/directory-worker.ts', 'directory-worker-modules', directory);
}
