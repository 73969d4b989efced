import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile, Plugin } from 'esbuild';
import { buildModules, buildStart, buildWorker, resourceTypes } from './build-entry.ts';
import { manPages } from './command-reference.ts';
import { emptied, finish, root } from './published-package.ts';

/** The package has no sources to run. */
const startPlugin: Plugin = {
  name: 'start-package',
  setup: (bundle) => {
    bundle.onResolve({ filter: /\/start-sources\.js$/ }, () => ({
      path: join(root, 'packages', 'cli', 'src', 'start-package.ts'),
    }));
  },
};

/** Makes the package `holdfast`, the command line, in a directory that it empties first. */
export async function buildProgram(directory: string): Promise<void> {
  emptied(directory);
  // All that is in the worker is in the program.
  await buildWorker(directory);
  const metafile = await buildModules('packages/cli/src/main.ts', 'main', directory);
  await buildStart('packages/cli/bin/holdfast.js', join(directory, 'holdfast.js'), [startPlugin]);
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
    bin: { holdfast: 'holdfast.js' },
    man: [...pages.keys()].map((name) => `man/${name}`),
    engines: { node: '>=24' },
  });
}

/** @throws {@link Error} a command would load the SDK of AWS before it asks AWS for anything. */
function refuseSdkAtStart({ outputs }: Metafile): void {
  const atStart = Object.keys(outputs).filter((path) =>
    /cli\/src\/(?:main\.ts|commands\/.*)$/.test(outputs[path]?.entryPoint ?? ''),
  );
  if (atStart.length < 2) throw new Error('the program has no parts of its own for main.ts and commands');
  for (const path of atStart) {
    for (const { path: imported, kind } of outputs[path]?.imports ?? [])
      if (kind === 'import-statement' && !atStart.includes(imported)) atStart.push(imported);
    const sdk = Object.keys(outputs[path]?.inputs ?? {}).find((input) =>
      input.includes('node_modules/@aws-sdk/'),
    );
    if (sdk !== undefined)
      throw new Error(`${sdk} is loaded with commands; import it where connect-aws.ts does`);
  }
}
