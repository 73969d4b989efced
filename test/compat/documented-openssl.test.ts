import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type KeyId, type VaultId, withOfflineRecipient } from '@holdfast/engine';
import { MemoryKeyring, SeededRandom } from '@holdfast/engine/testing';
import { afterAll, expect, test } from 'vitest';
import { documentedCommands } from '../support/documented-commands.ts';

const run = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), 'holdfast-openssl-'));

afterAll(async () => rm(folder, { recursive: true, force: true }));

/** What the pages use and a machine may not have; README asks for none of it. */
const missing = ['openssl', 'jq', 'xxd'].filter(
  (tool) => spawnSync('bash', ['-c', `command -v ${tool}`]).status !== 0,
);

/** The commands of a page that match, as it has them; in one shell, since one sets a variable for the next. */
async function runDocumented(
  page: string,
  which: RegExp,
  names: Readonly<Record<string, string>>,
): Promise<void> {
  const found = documentedCommands().filter(({ page: from, text }) => from === page && which.test(text));
  expect(found.length).toBeGreaterThan(1);
  const script = found
    .map(({ text }) => text)
    .map((text) =>
      Object.entries(names).reduce((line, [theirs, ours]) => line.replaceAll(theirs, ours), text),
    )
    .join('\n');
  await run('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder });
}

test.skipIf(missing.length > 0)(
  `the pages say how to make an offline key, and how to open a wrapped key with it and nothing else${missing.length > 0 ? ` (needs ${missing.join(', ')})` : ''}`,
  async () => {
    // Instead of asking at the terminal.
    const passphrase = {
      'openssl genpkey': 'openssl genpkey -pass pass:x',
      '-pubout': '-passin pass:x -pubout',
    };
    await runDocumented('docs/restore.md', /^openssl/, passphrase);
    const publicKey = await readFile(join(folder, 'offline-public.pem'), 'utf8');
    const context = {
      vaultId: 'aa'.repeat(16) as VaultId,
      keyId: 'bb'.repeat(16) as KeyId,
      purpose: 'data',
    } as const;
    const keyring = withOfflineRecipient(new MemoryKeyring(new SeededRandom(1)), publicKey);
    const { plain, wrapped } = await keyring.generate(context);
    const file = {
      wrapped: wrapped.map((key) => ({ ...key, ciphertext: Buffer.from(key.ciphertext).toString('base64') })),
    };
    await writeFile(join(folder, 'key.json'), JSON.stringify(file));

    await runDocumented('docs/operations.md', /"offline"|offline key <vaultId>|offline-private\.pem/, {
      '<vaultId>': context.vaultId,
      '<keyId>': context.keyId,
      '-inkey': '-passin pass:x -inkey',
    });

    expect(await readFile(join(folder, 'key'))).toEqual(Buffer.from(plain));
  },
);
