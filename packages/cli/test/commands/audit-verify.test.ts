import { expect, test } from 'vitest';
import { CliUnderTest, bucketArn } from '../cli-under-test.ts';

async function withBackup(): Promise<CliUnderTest> {
  const cli = new CliUnderTest();
  cli.source.plant('a', 'content');
  await cli.backUp();
  return cli;
}

test('every commit is in the log', async () => {
  const cli = await withBackup();

  const { code, out } = await cli.run('audit', 'verify', '--entries');

  expect(code).toBe(0);
  expect(out).toContain(`${bucketArn} 1 commit by run `);
  expect(out).toContain('audit log: read 1 event in 1 chain, 0 checkpoints: unbroken\n');
});

test('a log that was tampered with ends with the code for damage', async () => {
  const cli = await withBackup();
  cli.source.plant('b', 'content');
  await cli.backUp('incremental');
  cli.store.decay('audit/chains/', 200);

  const { code, out } = await cli.run('audit', 'verify');

  expect(code).toBe(4);
  expect(out).toMatch(/^changed: audit\/chains\/[0-9a-f]{32}\/000000000[12]: /m);
  expect(out).toContain('TAMPERED WITH');
});

test('a checkpoint that was kept elsewhere has to be there', async () => {
  const cli = await withBackup();

  const outcome = await cli.json('audit', 'verify', '--checkpoint', 'ab'.repeat(32));

  expect(outcome).toMatchObject({ entries: 1, problems: [{ problem: 'removed' }] });
});

test('a checkpoint that is no hash is a typing error, not a sign of tampering', async () => {
  const cli = await withBackup();

  const { code, err } = await cli.run('audit', 'verify', '--checkpoint', '2026-11-23');

  expect(err).toContain('--checkpoint "2026-11-23" is not a checkpoint\'s hash');
  expect(code).toBe(2);
  expect(cli.connected).toEqual([]);
});
