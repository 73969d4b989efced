import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { productVersion } from '@holdfast/engine/model';
import type { BuildOptions, Metafile } from 'esbuild';

export const root = join(import.meta.dirname, '..');
export const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8');

const { license } = JSON.parse(read('package.json')) as { license: string };

/** Options of both packages. */
export const commonOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  metafile: true,
  legalComments: 'none',
  logLevel: 'warning',
} satisfies BuildOptions;

export function emptied(directory: string): string {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** Writes what a package has besides its code. */
export function finish(name: string, directory: string, metafile: Metafile, manifest: object): void {
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
