import { AccessDeniedError, type PointId, type RestoreRow } from '@holdfast/engine';
import { beforeEach, expect, test } from 'vitest';
import { bucketArn, CliUnderTest } from '../cli-under-test.ts';

const point = '20261121T020000Z-00000000000000bb' as PointId;
const id = '0123456789abcdef0123456789abcdef';
const shortId = '01234567';
const target = 's3://rescue/';
const report = { state: 'completed', files: 3, written: 3, bytes: 4096, same: 0, kept: 0, failed: 0 };

let cli: CliUnderTest;
let execution: string;

beforeEach(async () => {
  cli = new CliUnderTest();
  execution = await cli.executions.start('restore', 'restore-1', {
    resource: bucketArn,
    time: '2026-11-22T00:00:00Z',
    target: { bucket: 'rescue' },
    overwrite: 'if-different',
  });
  cli.executions.started.length = 0;
  await plant({});
});

async function plant(row: Partial<RestoreRow>): Promise<void> {
  await cli.catalog.restores.put({
    restoreId: id,
    pointId: point,
    resourceArn: bucketArn,
    target,
    state: 'running',
    startedAt: new Date('2026-11-23T11:00:00Z'),
    execution,
    ...row,
  });
}

test('lists restores, the newest first, with what each came to', async () => {
  await plant({
    restoreId: 'f'.repeat(32),
    state: 'completed',
    startedAt: new Date('2026-11-22T11:00:00Z'),
    endedAt: new Date('2026-11-22T11:02:00Z'),
    files: 12,
    bytes: 2048,
  });

  const { code, out } = await cli.run('restores');

  expect(out).toBe(`\
RESTORE   STATE      STARTED       TOOK     SIZE  TARGET
${shortId}  running    60 min ago  60 min        -  ${target}
ffffffff  completed  25 h ago     2 min  2.0 KiB  ${target}
`);
  expect(code).toBe(0);
  expect(await cli.json('restores', '--to', '2026-11-22')).toMatchObject([{ files: 12 }]);
  expect(await cli.json('restores', '--limit', '1')).toMatchObject([{ restoreId: id }]);
  expect(await cli.json('restores', '--resource', 'arn:aws:s3:::other')).toEqual([]);
});

test('says that an execution has ended while the catalog still takes the restore for running', async () => {
  cli.executions.end(execution, { status: 'timed-out' });

  expect((await cli.run('restores')).out).toContain('timed-out, being closed');
  const { code, out } = await cli.run('restores', '0123');
  expect(out).toContain('state     timed-out, being closed');
  expect(code).toBe(1);
});

test('waits for the end of one, wherever it was started, and shows its report', async () => {
  cli.executions.onLook = async (_, look) => {
    if (look < 3) return;
    await plant({ state: 'completed', endedAt: cli.clock.now() });
    cli.executions.end(execution, { status: 'succeeded', output: JSON.stringify({ report }) });
  };

  const { code, out } = await cli.run('restores', execution, '--wait');

  expect(out).toBe(`\
restore   ${id}
point     ${point} of ${bucketArn}
target    ${target}
state     completed
started   2026-11-23 11:00:00Z, took 60 min
execution ${execution}
files     3: 3 written (4.0 KiB), 0 the same already, 0 different and left, 0 failed
`);
  expect(code).toBe(0);
});

test('waits also for one that was started a moment ago, and is not planned yet', async () => {
  const started = await cli.executions.start('restore', 'restore-2', { point, target: { bucket: 'rescue' } });
  cli.executions.onLook = async (_, look) => {
    const row = { restoreId: 'e'.repeat(32), execution: started };
    if (look === 2) await plant(row);
    if (look < 4) return;
    await plant({ ...row, state: 'completed', endedAt: cli.clock.now() });
    cli.executions.end(started, { status: 'succeeded', output: JSON.stringify({ report }) });
  };

  const { code, out } = await cli.run('restores', started, '--wait');

  expect(out).toContain('state     completed');
  expect(code).toBe(0);
});

test('says why one never came about that ended before it was planned', async () => {
  const started = await cli.executions.start('restore', 'restore-2', { point, target: { bucket: 'rescue' } });
  cli.executions.end(started, { status: 'failed', error: 'TargetRefusedError' });

  const { code, err } = await cli.run('restores', started, '--wait');

  expect(err).toContain('is not in the catalog, and its execution has ended: TargetRefusedError');
  expect(code).toBe(1);
});

test('ends as the restore itself did where files were left out', async () => {
  const failedFiles = [{ path: 'a', name: 'ChunkCorruptError', message: 'chunk is damaged' }];
  const output = JSON.stringify({ report: { ...report, failed: 1, failedFiles } });
  await plant({ state: 'completed-with-failures', endedAt: cli.clock.now() });
  cli.executions.end(execution, { status: 'succeeded', output });

  const { code, out } = await cli.run('restores', id);

  expect(await cli.json('restores', id)).toMatchObject({ restoreId: id, report: { failed: 1 } });
  expect(out).toContain('not restored: a: chunk is damaged');
  expect(code).toBe(4);
});

test('stops one, and leaves one that is over as it is', async () => {
  const { code, out } = await cli.run('restores', '0123', '--cancel');
  const again = await cli.run('restores', '0123', '--cancel');

  expect(cli.executions.stopped).toEqual([execution]);
  expect(out).toBe(
    `restore ${id} is stopped; what it has written to ${target} stays there; "holdfast restores ${shortId} --again" takes it up again\n`,
  );
  expect(again.out).toBe(`restore ${id} is over already: cancelled, being closed\n`);
  expect([code, again.code]).toEqual([0, 0]);
  expect(await cli.json('restores', '0123', '--cancel')).toMatchObject({ restoreId: id, cancelled: false });
});

test('shows one that was cancelled as cancelled, as what was asked for is not there', async () => {
  await cli.run('restores', '0123', '--cancel');
  const closing = await cli.run('restores', '0123');
  await plant({ state: 'cancelled', endedAt: cli.clock.now() });

  const { code, out } = await cli.run('restores', '0123');

  expect(closing.out).toContain('state     cancelled, being closed');
  expect(out).toContain('state     cancelled\n');
  expect(out).toContain(`next      "holdfast restores ${shortId} --again"`);
  expect((await cli.run('restores')).out).toContain(`${shortId}  cancelled`);
  expect(await cli.json('restores', id)).toMatchObject({ state: 'cancelled', executionStatus: 'stopped' });
  expect([closing.code, code]).toEqual([1, 1]);
  expect((await cli.run('status')).out).not.toContain(shortId);
});

test('says of one that somebody stopped without the command that it was stopped', async () => {
  cli.executions.end(execution, { status: 'stopped' });

  expect((await cli.run('restores', '0123')).out).toContain('state     stopped, being closed');
});

test('starts one again that failed, of the same point and with what it was asked for', async () => {
  cli.executions.end(execution, { status: 'failed' });
  await plant({
    state: 'failed',
    error: { name: 'TargetUnavailableError', message: 'bucket rescue is gone' },
  });

  const shown = await cli.run('restores', '0123');
  const { code, out } = await cli.run('restores', '0123', '--again', '--json');

  expect(JSON.parse(out)).toMatchObject({ restoreId: id, pointId: point });
  expect(shown.out).toContain('error     bucket rescue is gone');
  expect(shown.out).toContain(`next      "holdfast restores ${shortId} --again"`);
  expect(cli.executions.started).toMatchObject([
    { machine: 'restore', input: { point, target: { bucket: 'rescue' }, overwrite: 'if-different' } },
  ]);
  expect(cli.executions.started[0]?.input).not.toHaveProperty('time');
  expect(code).toBe(0);
});

test.for([
  [['restores', '--wait'], 2, 'name the restore to wait for, cancel or repeat'],
  [['restores', id, '--cancel', '--again'], 2, 'cancel the restore first'],
  [['restores', 'abcdef'], 3, 'restore "abcdef" is not in the catalog'],
  [['restores', id, '--again'], 2, 'is still running; wait for it with --wait, or stop it with --cancel'],
] as const)('%j is refused with %i: %s', async ([words, wanted, message]) => {
  const { code, err } = await cli.run(...words);

  expect(err).toContain(message);
  expect(code).toBe(wanted);
  expect(cli.executions.started).toEqual([]);
});

test('does not repeat what is not known, or was done by somebody’s own process', async () => {
  await plant({ state: 'failed', execution: `${execution}-forgotten` });
  const forgotten = await cli.run('restores', id, '--again');
  await plant({ state: 'recorded' });
  const own = await cli.run('restores', id, '--again');

  expect(forgotten.err).toContain('executions are kept for 90 days');
  expect(own.err).toContain('was done by the process of a person');
  expect([forgotten.code, own.code]).toEqual([3, 2]);
});

test('whoever may not see an execution is told so, and not that it is over', async () => {
  cli.executions.get = async () => {
    throw new AccessDeniedError('states:DescribeExecution was refused; allow it');
  };

  for (const option of ['--cancel', '--wait', '--again']) {
    const { code, err } = await cli.run('restores', id, option);
    expect(err).toContain('states:DescribeExecution was refused');
    expect(code).toBe(1);
  }
  expect((await cli.run('restores', id)).out).toContain('state     running');
  expect((await cli.run('restores')).code).toBe(0);
});

test('says every ten seconds how far it is, and from the second time on how long it may take', async () => {
  cli.executions.onLook = async (_, look) => {
    cli.executions.parts = { done: 2 * look, total: 40 };
    if (look === 11) cli.executions.end(execution, { status: 'succeeded' });
  };

  const { err } = await cli.run('restores', id, '--wait', '--progress');

  expect(err).toBe(`\
restore ${shortId}, 12 s: 12 of 40 parts, 30 %
restore ${shortId}, 24 s: 20 of 40 parts, 50 %, about 30 s left
`);
});

test('says what workers have reported, and from the second time on how fast it is', async () => {
  await cli.catalog.progress.noteTotal(id, { files: 5000, bytes: 8 * 2 ** 30 }, cli.clock.now());
  cli.executions.onLook = async (_, look) => {
    cli.executions.parts = { done: 1, total: 40 };
    const done = { files: 100 * look, bytes: 2 ** 28 * look };
    if (look > 5) await cli.catalog.progress.report(id, look % 2, done, cli.clock.now());
    if (look === 15) cli.executions.end(execution, { status: 'succeeded' });
  };

  const { err } = await cli.run('restores', id, '--wait', '--progress');

  expect(err).toBe(`\
restore ${shortId}, 12 s: 600 of 5,000 files, 1.5 GiB of 8.0 GiB, 18 %
restore ${shortId}, 24 s: 1,900 of 5,000 files, 4.8 GiB of 8.0 GiB, 59 %, 277 MiB/s, about 12 s left
restore ${shortId}, 36 s: 2,700 of 5,000 files, 6.8 GiB of 8.0 GiB, 84 %, 224 MiB/s, about 6 s left
`);
});

test('shows of one that runs, and in the list, what its workers have reported', async () => {
  await cli.catalog.progress.noteTotal(id, { files: 50, bytes: 2 ** 30 }, cli.clock.now());
  await cli.catalog.progress.report(id, 0, { files: 10, bytes: 2 ** 28 }, cli.clock.now());
  const progress = { files: 10, bytes: 2 ** 28, total: { files: 50, bytes: 2 ** 30 } };

  expect((await cli.run('restores', id)).out).toContain(
    'progress  10 of 50 files, 256 MiB of 1.0 GiB, 25 %\n',
  );
  expect((await cli.run('restores')).out).toContain('256 MiB');
  expect(await cli.json('restores', id)).toMatchObject({ progress });
  expect(await cli.json('restores')).toMatchObject([{ progress }]);
});

test('goes by parts where the catalog may not be read', async () => {
  cli.catalog.progress.find = async () => Promise.reject(new AccessDeniedError('dynamodb:Query was refused'));
  cli.executions.onLook = async (_, look) => {
    cli.executions.parts = { done: 1, total: 40 };
    if (look === 7) cli.executions.end(execution, { status: 'succeeded' });
  };

  const { err } = await cli.run('restores', id, '--wait', '--progress');

  expect(err).toBe(`restore ${shortId}, 12 s: 1 of 40 parts, 2 %\n`);
});

test('parts that are all done are no hundred percent, as others may follow', async () => {
  cli.executions.onLook = async (_, look) => {
    cli.executions.parts = { done: 12, total: 12 };
    if (look === 7) cli.executions.end(execution, { status: 'succeeded' });
  };

  expect((await cli.run('restores', id, '--wait', '--progress')).err).toBe(
    `restore ${shortId}, 12 s: 12 of 12 parts\n`,
  );
});

test('takes the short id of a restore of long ago, as the list shows it', async () => {
  cli.clock.advance(60 * 86_400_000);

  const { code, out } = await cli.run('restores', shortId);

  expect(out).toContain(id);
  expect(code).toBe(0);
});
