// Makes what is published out of what is in the repository: `@holdfast/cdk` in packages/cdk/dist, and `holdfast`, the
// command line, in packages/cli/dist. Both have everything in them that they need, but for the CDK itself.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { buildProgram } from './build-program.ts';
import { commonOptions, emptied, finish, read, root } from './published-package.ts';

const { dependencies } = JSON.parse(read('package.json')) as {
  dependencies: Readonly<Record<string, string>>;
};

async function buildConstruct(): Promise<void> {
  const directory = emptied(join(root, 'packages', 'cdk', 'dist'));
  const { metafile } = await build({
    ...commonOptions,
    entryPoints: ['lib/index.ts'],
    outfile: join(directory, 'index.js'),
    // `cdk init` makes CommonJS projects, and modules may import it.
    format: 'cjs',
    target: 'node20',
    // Two classes of one name in two modules would get others.
    keepNames: true,
    external: ['aws-cdk-lib', 'constructs'],
    define: { 'import.meta.dirname': '__dirname' },
  });
  execFileSync(process.execPath, [join(root, 'scripts', 'bundle-handlers.mjs'), join(directory, 'handlers')]);
  copyTypes('index', directory);
  finish('cdk', directory, metafile, {
    name: '@holdfast/cdk',
    description:
      'Backups of tagged AWS resources into an immutable, deduplicated, encrypted vault: a CDK construct',
    keywords: ['aws', 'backup', 'cdk', 'construct', 's3', 'object-lock', 'deduplication'],
    main: 'index.js',
    types: 'index.d.ts',
    exports: { '.': { types: './index.d.ts', default: './index.js' } },
    engines: { node: '>=20.12' },
    peerDependencies: {
      'aws-cdk-lib': `^${dependencies['aws-cdk-lib']}`,
      constructs: `^${dependencies['constructs']}`,
    },
  });
}

/** Copies the declarations of a module and of what it refers to, as `tsc -b` wrote them. */
function copyTypes(name: string, directory: string): void {
  const file = join(directory, `${name}.d.ts`);
  if (existsSync(file)) return;
  const text = read('node_modules', '.types', 'app', 'lib', `${name}.d.ts`);
  const others = [...text.matchAll(/ from '\.\/([^']+)\.ts'/g)].map(([, other = '']) => other);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text.replaceAll(/( from '\.\/[^']+)\.ts'/g, "$1.js'"));
  for (const other of others) copyTypes(other, directory);
}

await Promise.all([buildConstruct(), buildProgram(join(root, 'packages', 'cli', 'dist'))]);
