// Makes what is published out of what is in the repository: `@holdfast/cdk` in packages/cdk/dist, and `holdfast`, the
// command line, in packages/cli/dist. Both have everything in them that they need, but for the CDK itself.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { productVersion } from '@holdfast/engine/model';
import { build, type BuildOptions, type Metafile } from 'esbuild';

const root = join(import.meta.dirname, '..');
const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8');

const { license, dependencies } = JSON.parse(read('package.json')) as {
  license: string;
  dependencies: Readonly<Record<string, string>>;
};

/** Options of both packages. Names stay: errors are told apart by theirs. */
const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  keepNames: true,
  metafile: true,
  legalComments: 'none',
  logLevel: 'warning',
} satisfies BuildOptions;

async function buildConstruct(): Promise<void> {
  const directory = emptied('packages', 'cdk', 'dist');
  const { metafile } = await build({
    ...common,
    entryPoints: ['lib/index.ts'],
    outfile: join(directory, 'index.js'),
    // `cdk init` makes CommonJS projects, and modules may import it.
    format: 'cjs',
    target: 'node20',
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

async function buildProgram(): Promise<void> {
  const directory = emptied('packages', 'cli', 'dist');
  const { metafile } = await build({
    ...common,
    entryPoints: ['packages/cli/bin/holdfast.js', 'packages/node/src/workers/directory-worker.ts'],
    entryNames: '[name]',
    outdir: directory,
    format: 'esm',
    target: 'node24',
    splitting: true,
    minify: true,
    mainFields: ['module', 'main'],
    // Some of what the SDK needs is CommonJS.
    banner: {
      js: `import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);`,
    },
  });
  finish('cli', directory, metafile, {
    name: 'holdfast',
    description:
      'The command line of Holdfast: looks at backups, starts them, and restores, also without a deployment',
    keywords: ['aws', 'backup', 'restore', 'cli'],
    type: 'module',
    bin: { holdfast: 'holdfast.js' },
    engines: { node: '>=24' },
  });
}

function emptied(...path: string[]): string {
  const directory = join(root, ...path);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  return directory;
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

function finish(name: string, directory: string, metafile: Metafile, manifest: object): void {
  const full = { version: productVersion, license, ...manifest };
  writeFileSync(join(directory, 'package.json'), `${JSON.stringify(full, undefined, 2)}\n`);
  cpSync(join(root, 'packages', name, 'README.md'), join(directory, 'README.md'));
  cpSync(join(root, 'LICENSE'), join(directory, 'LICENSE'));
  writeFileSync(join(directory, 'THIRD-PARTY-LICENSES'), licensesOf(metafile));
}

/** The licences of the packages that are in a bundle, as most of them ask to be handed on; each text once. */
function licensesOf({ inputs }: Metafile): string {
  const packages = new Map<string, string[]>();
  const folders = Object.keys(inputs).flatMap(
    (path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [],
  );
  for (const folder of [...new Set(folders)].sort()) {
    const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const manifest = JSON.parse(read(folder, 'package.json')) as { name: string; license?: string };
    const text = file === undefined ? `Licence: ${manifest.license}` : read(folder, file).trim();
    packages.set(text, [...(packages.get(text) ?? []), manifest.name]);
  }
  return [...packages]
    .map(([text, names]) => `${names.join('\n')}\n\n${text}\n`)
    .join(`\n${'-'.repeat(80)}\n\n`);
}

await Promise.all([buildConstruct(), buildProgram()]);
