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
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-program-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
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

test('each command keeps its compiled code, and a misspelt one keeps none', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-program-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  await buildProgram(directory);
  const program = join(directory, 'holdfast.js');
  const kinds = () =>
    globSync(join(directory, 'node_modules', '.cache', 'holdfast', '*', '*')).map((path) => basename(path));

  const first = await run(process.execPath, [program, 'version']);
  const again = await run(process.execPath, [program, 'version']);
  await run(process.execPath, [program, 'restore', '--help']);
  const misspelt = run(process.execPath, [program, 'restoer']);

  await expect(misspelt).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('"holdfast restore"'),
  });
  expect([first.stdout, again.stdout]).toEqual([`${productVersion}\n`, `${productVersion}\n`]);
  expect(kinds().sort()).toEqual(['restore', 'version']);
});

test('a restore of files loads nothing that reads disks, verifies or quotes', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-program-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const { outputs } = await buildModules('packages/cli/src/main.ts', 'main', directory);
  const loaded = Object.keys(outputs).filter((path) =>
    ['cli/src/main.ts', 'cli/src/commands/restore.ts'].some((entry) =>
      outputs[path]?.entryPoint?.endsWith(entry),
    ),
  );
  for (const path of loaded)
    for (const { path: imported, kind } of outputs[path]?.imports ?? [])
      if (kind === 'import-statement' && !loaded.includes(imported)) loaded.push(imported);
  const modules = loaded.flatMap((path) => Object.keys(outputs[path]?.inputs ?? {}));

  expect(modules).toContain('packages/engine/src/restore/restore-range.ts');
  expect(
    modules.filter((path) => /packages\/disk\/|engine\/src\/verify\/verify-|@aws-sdk/.test(path)),
  ).toEqual([]);
});
