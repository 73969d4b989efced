import { expect, test } from 'vitest';
import { CliUnderTest } from '../cli-under-test.ts';

async function backedUp() {
  const cli = new CliUnderTest();
  const point = await cli.backUpThreeFiles();
  return { cli, point };
}

test('waits for the end and prints the report of the machine', async () => {
  const { cli, point } = await backedUp();
  cli.executions.report({
    state: 'completed',
    target: 's3://photos/',
    files: 3,
    bytes: 3105,
    written: 3,
    kept: 0,
    same: 0,
    failed: 0,
    carried: 0,
    failedFiles: [],
  });

  const { code, out } = await cli.run('restore', point, '--to-original', '--wait');

  expect(out).toBe(`\
target    s3://photos/
files     3: 3 written (3.0 KiB), 0 the same already, 0 different and left, 0 failed
the restore of point ${point} of arn:aws:s3:::photos is completed
`);
  expect(code).toBe(0);
});

test.for([
  ['is of another form', JSON.stringify({ report: { state: 'half-way' } })],
  ['is not there', undefined],
] as const)('fails where the report %s: what was restored is not known', async ([, output]) => {
  const { cli, point } = await backedUp();
  cli.executions.onLook = async (execution) => cli.executions.end(execution, { status: 'succeeded', output });

  const { code, out, err } = await cli.run('restore', point, '--to-original', '--wait');

  expect(err).toContain('has ended with a report that this program cannot read');
  expect(out).toBe('');
  expect(code).toBe(1);
});

test.for([
  ['ChunkCorruptError', 4],
  ['RestorePathError', 1],
] as const)('names files that the machine left out for a %s and ends with %d', async ([name, wanted]) => {
  const { cli, point } = await backedUp();
  const failedFiles = [{ path: 'a\u0007', name, message: 'not this one' }];
  cli.executions.report({ state: 'completed-with-failures', files: 3, failed: 1, failedFiles, carried: 2 });

  const { code, out } = await cli.run('restore', point, '--to-original', '--wait');

  expect(out).toContain('not restored: a\\x07: not this one\n');
  expect(out).toContain('older     2 files with the content of an earlier point\n');
  expect(out).toContain('is completed-with-failures\n');
  expect(code).toBe(wanted);
});

test('gives programs the whole report, fields included that it does not print', async () => {
  const { cli, point } = await backedUp();
  cli.executions.report({ restoreId: 'r', state: 'completed', files: 3, news: { a: 1 } });

  expect(await cli.json('restore', point, '--to-original', '--wait')).toMatchObject({
    pointId: point,
    resourceArn: 'arn:aws:s3:::photos',
    report: { restoreId: 'r', files: 3, news: { a: 1 } },
  });
});

test("fails with the machine's reason", async () => {
  const { cli, point } = await backedUp();
  cli.executions.onLook = async (execution) =>
    cli.executions.end(execution, {
      status: 'failed',
      error: 'TargetUnavailableError',
      cause: 'bucket b may not be written',
    });

  const { code, err } = await cli.run('restore', point, '--to-bucket', 'b', '--wait');

  expect(code).toBe(1);
  expect(err).toMatch(
    /did not succeed: TargetUnavailableError: bucket b may not be written; execution arn:\S+\n$/,
  );
});
