import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type BuildOptions, type Metafile, type Plugin } from 'esbuild';
import { manPages } from './command-reference.ts';
import { commonOptions, emptied, finish, root } from './published-package.ts';

const resourceTypes = 'db.json.gz';
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

/** Options of what runs on a user's Node with all that it needs in it. */
export const programOptions = {
  ...commonOptions,
  format: 'esm',
  target: 'node24',
  splitting: true,
  minify: true,
  mainFields: ['module', 'main'],
  plugins: [resourceTypesPlugin],
  // Some of what the SDK needs is CommonJS. A process reads few documents of a kind: for those, zod's compiling of schemas
  // takes longer than it saves, which `z.config` could say only after the first schemas are made.
  banner: {
    js:
      `import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url); ` +
      'const __dirname = import.meta.dirname; globalThis.__zod_globalConfig ??= { jitless: true };',
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
  refuseSdkAtStart(metafile);
  copyFileSync(
    join(root, 'node_modules', '@aws-cdk', 'aws-service-spec', resourceTypes),
    join(directory, resourceTypes),
  );
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

/** @throws {@link Error} every command would load the SDK of AWS, also one that never asks AWS. */
function refuseSdkAtStart({ outputs }: Metafile): void {
  const atStart = Object.keys(outputs).filter((path) =>
    outputs[path]?.entryPoint?.endsWith('cli/src/main.ts'),
  );
  if (atStart.length === 0)
    throw new Error('the program has no part of its own for packages/cli/src/main.ts');
  for (const path of atStart) {
    for (const { path: imported, kind } of outputs[path]?.imports ?? [])
      if (kind === 'import-statement' && !atStart.includes(imported)) atStart.push(imported);
    const sdk = Object.keys(outputs[path]?.inputs ?? {}).find((input) =>
      input.includes('node_modules/@aws-sdk/'),
    );
    if (sdk !== undefined)
      throw new Error(`${sdk} is loaded with every command; import it where connect-aws.ts does`);
  }
}
