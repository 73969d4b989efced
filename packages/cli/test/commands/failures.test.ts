import { utf8 } from '@holdfast/engine';
import { expect, test } from 'vitest';
import { CliUnderTest } from '../cli-under-test.ts';

const execution = 'arn:aws:states:eu-west-1:111122223333:execution:restore:one';
const prefix = 'restores/0123/results/';
const failure = (path: string) => ({ path, name: 'TargetEntryError', message: `${path} may not be written` });

async function restored(...shards: readonly (readonly string[])[]): Promise<CliUnderTest> {
  const cli = new CliUnderTest();
  const failed = shards.flat().length;
  const report = { state: 'completed-with-failures', files: 9, failed, details: { bucket: 'work', prefix } };
  cli.executions.end(execution, { status: 'succeeded', output: JSON.stringify({ report }) });
  for (const [index, paths] of shards.entries()) {
    const outcome = { files: 3, failed: paths.map(failure) };
    await cli.work.put(`${prefix}${index}.json`, utf8(JSON.stringify(outcome)));
  }
  return cli;
}

test('names every file that the workers of a restore left out', async () => {
  const cli = await restored(['a', 'b\u0007'], [], ['c']);

  const { code, out } = await cli.run('failures', execution);
  const { out: json } = await cli.run('failures', execution, '--json');

  expect(out).toBe(`\
not restored: a: a may not be written
not restored: b\\x07: b\\x07 may not be written
not restored: c: c may not be written
3 files not restored
`);
  expect(code).toBe(0);
  expect(JSON.parse(json)).toEqual({ execution, failed: 3, failures: ['a', 'b\u0007', 'c'].map(failure) });
});

test('says when there is no report, or nothing is left of it', async () => {
  const cli = await restored();
  const other = `${execution}-running`;
  cli.executions.end(other, { status: 'running' });

  expect(await cli.run('failures', execution)).toMatchObject({
    code: 3,
    err: expect.stringContaining('14 days') as string,
  });
  expect(await cli.run('failures', other)).toMatchObject({
    code: 3,
    err: expect.stringContaining('it is running') as string,
  });
});
