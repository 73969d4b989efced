import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { programOptions } from '../../scripts/build-entry.ts';

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
  await build({ ...programOptions, stdin, outdir: directory, outExtension: { '.js': '.mjs' } });

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
