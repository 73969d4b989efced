import { execFile } from 'node:child_process';
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { productVersion } from '@holdfast/engine/model';
import { build } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { aloneOptions, buildModules } from '../../scripts/build-entry.ts';
import { buildProgram } from '../../scripts/build-program.ts';

const run = promisify(execFile);

test('bundled, too, the SDK warns on the console of credentials that it passes over', async () => {
  const directory = makeTempDir();
  const credentials = join(directory, 'credentials');
  writeFileSync(credentials, '[backup]\naws_access_key_id = OFPROFILE\naws_secret_access_key = a\n');
  const contents =
    "import { STSClient } from '@aws-sdk/client-sts';" +
    'console.log((await new STSClient({}).config.credentials()).accessKeyId);';
  const stdin = { contents, resolveDir: import.meta.dirname };
  await build({ ...aloneOptions, stdin, outdir: directory, outExtension: { '.js': '.mjs' } });

  const { stdout, stderr } = await run(process.execPath, [join(directory, 'stdin.mjs')], {
    env: {
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: credentials,
      AWS_PROFILE: 'backup',
      AWS_ACCESS_KEY_ID: 'OFVARIABLES',
      AWS_SECRET_ACCESS_KEY: 'b',
    },
  });

  expect(stdout).toBe('OFPROFILE\n');
  expect(stderr).toContain('Multiple credential sources detected');
});

test('backup, restore and all other commands each keep their compiled code', async () => {
  const { directory, program } = await makeProgram();

  const first = await run(process.execPath, [program, 'version']);
  const again = await run(process.execPath, [program, '--json', 'version']);
  await run(process.execPath, [program, 'restore', '--help']);

  expect([first.stdout, again.stdout]).toEqual([`${productVersion}\n`, `${productVersion}\n`]);
  const kinds = globSync(join(directory, 'node_modules', '.cache', 'holdfast', '*', '*'));
  expect(kinds.map((path) => basename(path)).sort()).toEqual(['other', 'restore']);
});

test('what ends before its work is done does not end as if all were well', async () => {
  const { directory, program } = await makeProgram();
  const preload = join(directory, 'preload.cjs');
  // Nothing is left that would wake the program up.
  writeFileSync(preload, "require('node:fs/promises').open = () => new Promise(() => {});");
  const options = ['--vault', join(directory, 'vault'), '--key-file', join(directory, 'key')];

  const ended = run(process.execPath, ['--require', preload, program, 'init', ...options]);

  await expect(ended).rejects.toMatchObject({
    code: 13,
    stderr: 'holdfast: ended before its work was done; please report it\n',
  });
});

test.for([
  ['backup', 'packages/engine/src/protect/protect-shard.ts'],
  ['restore', 'packages/engine/src/restore/restore-range.ts'],
] as const)('%s loads nothing that reads disks, verifies or measures', async ([command, own]) => {
  const directory = makeTempDir();
  const { outputs } = await buildModules('packages/cli/src/main.ts', 'main', directory);
  const entries = ['cli/src/main.ts', `cli/src/commands/${command}.ts`];
  const loaded = Object.keys(outputs).filter((path) =>
    entries.some((entry) => outputs[path]?.entryPoint?.endsWith(entry)),
  );
  for (const path of loaded)
    for (const { path: imported, kind } of outputs[path]?.imports ?? [])
      if (kind === 'import-statement' && !loaded.includes(imported)) loaded.push(imported);
  const modules = loaded.flatMap((path) => Object.keys(outputs[path]?.inputs ?? {}));

  expect(modules).toContain(own);
  const others = /packages\/disk\/|engine\/src\/(?:verify\/verify-|usage\/measure-vault)|@aws-sdk/;
  expect(modules.filter((path) => others.test(path))).toEqual([]);
});

function makeTempDir(): string {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-program-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

async function makeProgram(): Promise<{ readonly directory: string; readonly program: string }> {
  const directory = makeTempDir();
  await buildProgram(directory);
  return { directory, program: join(directory, 'holdfast.js') };
}
