import { expect, test } from 'vitest';
import { CliUnderTest } from '../cli-under-test.ts';

test('names what a point could not read, and says so when there was nothing', async () => {
  const cli = new CliUnderTest();
  await cli.plantResource();
  cli.source.plant('readable', 'a');
  cli.source.plant('denied', 'b');
  cli.source.trap('denied', 'deny');
  const { root } = await cli.backUp();

  const { code, out } = await cli.run('warnings', root.point);
  const document = await cli.json('warnings', root.point);

  expect(code).toBe(0);
  expect(out).toMatch(/^"denied" .+; this point does not have it: make it readable and run again\n/);
  expect(out).toContain(`point ${root.point}: 1 warning; 1 entry could not be read: it lacks 1\n`);
  expect(document).toMatchObject({
    pointId: root.point,
    warnings: 1,
    unread: { carried: 0, missing: 1 },
    warningList: [{ path: 'denied', reason: 'denied' }],
  });
});
