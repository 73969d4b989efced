import type { PointId, ResourceArn } from '@holdfast/engine';
import type { RestoreReport } from '@holdfast/engine/model';
import { MemoryTargetBucket } from '@holdfast/engine/testing';
import { expect, test } from 'vitest';
import { bucketArn, CliUnderTest, dailyPlan } from '../cli-under-test.ts';

const whole: Partial<RestoreReport> = {
  state: 'completed',
  files: 3,
  bytes: 3105,
  written: 1,
  same: 2,
  failed: 0,
};
const names = ['photos/a.jpg', 'photos/b.jpg', 'readme.txt'];

/** A deployment whose machine restores the three files of the point, and reports what it is told. */
class Invaded extends CliUnderTest {
  report: Partial<RestoreReport> = whole;

  async backUpAndInvade() {
    const point = await this.backUpThreeFiles();
    for (const [name, prefix] of [
      ['photos', ''],
      ['b', 'r/'],
    ] as const) {
      const bucket = new MemoryTargetBucket();
      for (const key of [...names, 'photos/b.jpg.locked', 'README_DECRYPT.txt', '../x\n'])
        bucket.put(prefix + key, 'evil');
      this.targets.set(name, bucket);
    }
    this.executions.onLook = async (execution) => {
      const started = this.executions.started.find(({ name }) => execution.endsWith(name));
      const { target } = (started?.input ?? { target: {} }) as {
        target: { bucket?: string; prefix?: string };
      };
      const bucket = this.bucket(target.bucket ?? 'photos');
      if (this.report === whole) for (const key of names) bucket.put(`${target.prefix ?? ''}${key}`, 'good');
      this.executions.end(execution, {
        status: 'succeeded',
        output: JSON.stringify({ report: this.report }),
      });
    };
    return point;
  }

  bucket(name: string): MemoryTargetBucket {
    const bucket = this.targets.get(name);
    if (bucket === undefined) throw new Error(`there is no ${name}`);
    return bucket;
  }
}

async function invaded() {
  const cli = new Invaded();
  const point = await cli.backUpAndInvade();
  return { cli, point, photos: cli.bucket('photos') };
}

const exactly = ['--overwrite', 'if-different', '--delete-extra'];
const toOriginal = ['--to-original', ...exactly];

test('shows what would go, asks, restores, and hides exactly that: the bucket is as the point, and every version stays', async () => {
  const { cli, point, photos } = await invaded();
  cli.answer = 'yes';

  const { code, out, err } = await cli.run('restore', point, ...toOriginal);

  expect(out).toContain(`\
extra: 3 objects in s3://photos/ that the point does not have, 12 B:
  ../x\\x0a
  README_DECRYPT.txt
  photos/b.jpg.locked
each would get a delete marker, and stay as an earlier version
`);
  expect(out).toContain('deleted 3 of 3 extra, 12 B\n');
  expect(err).toContain('delete them when everything is restored? [y/N] ');
  expect(code).toBe(0);
  expect(cli.executions.started).toMatchObject([
    { input: { point, target: { original: true }, overwrite: 'if-different', deleteExtra: true } },
  ]);
  expect([...photos.current.keys()]).toEqual(names);
  expect(photos.versionsOf('README_DECRYPT.txt')).toEqual(['evil']);
});

test('takes of another bucket only what is below the prefix, or the folders that are restored', async () => {
  const { cli, point } = await invaded();
  const there = ['--to-bucket', 'b', '--prefix', 'r/', ...exactly];
  cli.bucket('b').put('unrelated', 'mine');

  const some = (await cli.json('restore', point, ...there, '--path', 'photos/', '--yes')) as object;
  const one = await cli.run('restore', point, ...there, '--path', 'readme.txt', '--yes');
  const listed = await cli.records('restore', point, ...there, '--dry-run');

  expect(some).toMatchObject({ report: whole, extra: { removed: 1, bytes: 4, leftCount: 0, left: [] } });
  expect(one.out).toContain('extra: nothing in s3://b/r/ that the point does not have\n');
  expect(listed.slice(-2)).toEqual([
    { path: 'r/../x\n', kind: 'extra', bytes: 4, in: 's3://b/r/' },
    { path: 'r/README_DECRYPT.txt', kind: 'extra', bytes: 4, in: 's3://b/r/' },
  ]);
  expect([...cli.bucket('b').current.keys()]).toContain('unrelated');
});

test.for([
  ['something failed', { ...whole, state: 'completed-with-failures', failed: 1 }],
  ['something was left as it was', { ...whole, kept: 1 }],
  ['the report does not say', {}],
] as const)('deletes nothing when %s', async ([, report]) => {
  const { cli, point, photos } = await invaded();
  cli.report = report;

  const { code, err } = await cli.run('restore', point, ...toOriginal, '--yes');

  expect(err).toContain('nothing was deleted; repeat it when that is mended');
  expect(code).toBe(1);
  expect([photos.asked, photos.current.size]).toEqual([0, 6]);
});

test('starts nothing in a bucket without versions, and says what to do', async () => {
  const { cli, point, photos } = await invaded();
  photos.keepsVersions = false;

  const { code, err } = await cli.run('restore', point, ...toOriginal, '--yes');

  expect(err).toContain('the bucket keeps no versions; switch them on first');
  expect(code).toBe(1);
  expect(cli.executions.started).toEqual([]);
});

test('leaves what came or changed since it was shown, names it, and is no success', async () => {
  const { cli, point, photos } = await invaded();
  const restored = cli.executions.onLook;
  cli.executions.onLook = async (...look) => {
    await restored(...look);
    photos.put('README_DECRYPT.txt', 'somebody works on it');
    photos.put('new.txt', 'new');
  };

  const { code, out } = await cli.run('restore', point, ...toOriginal, '--yes');

  expect(out).toContain(`\
not deleted: README_DECRYPT.txt: it has changed since it was shown
not deleted: new.txt: it came or changed since it was shown
deleted 2 of 3 extra, 8 B
`);
  expect(code).toBe(1);
  expect([...photos.current.keys()]).toEqual(['README_DECRYPT.txt', 'new.txt', ...names]);
});

test('leaves alone in the bucket that was protected what the plan does not protect', async () => {
  const { cli, point, photos } = await invaded();
  cli.plans = [{ ...dailyPlan, prefixes: ['photos/'] }];

  const { out } = await cli.run('restore', point, ...toOriginal, '--yes');
  cli.plans = [];
  const unknown = await cli.run('restore', point, ...toOriginal, '--yes');
  const named = await cli.run('restore', point, ...toOriginal, '--path', 'photos/', '--yes');

  expect(out).toContain('deleted 1 of 1 extra, 4 B\n');
  expect(unknown.err).toContain('name what is to be as the point with --path <folder/>');
  expect([unknown.code, named.code]).toEqual([2, 0]);
  expect([...photos.current.keys()]).toEqual(['../x\n', 'README_DECRYPT.txt', ...names]);
});

test('one that was interrupted is finished by its id: what is extra by then is shown, and deleted', async () => {
  const { cli, point, photos } = await invaded();
  photos.onCall = (call) => call === 'hide' && cli.abort.abort();
  const interrupted = await cli.run('restore', point, ...toOriginal, '--yes');
  photos.onCall = () => {};
  cli.abort = new AbortController();
  const execution = `arn:aws:states:eu-west-1:111122223333:execution:restore:${cli.executions.started[0]?.name}`;
  await cli.catalog.restores.put({
    restoreId: 'f'.repeat(32),
    pointId: point,
    resourceArn: bucketArn,
    target: 's3://photos/',
    state: 'completed',
    startedAt: cli.clock.now(),
    execution,
  });

  const shown = await cli.run('restores', 'ffff');
  const again = await cli.run('restores', execution, '--delete-extra', '--yes');
  const over = (await cli.json('restores', 'ffff', '--delete-extra', '--yes')) as object;

  expect(interrupted.code).toBe(130);
  expect(shown.out).toContain('next      "holdfast restores ffffffff --delete-extra", if that is not done');
  expect(again.out).toMatch(/extra: \d objects? in s3:\/\/photos\/ that the point does not have/);
  expect(again.out).toMatch(/deleted (\d) of \1 extra/);
  expect(again.code).toBe(0);
  expect(over).toMatchObject({ extra: { removed: 0, leftCount: 0 } });
  expect([...photos.current.keys()]).toEqual(names);
  expect(cli.executions.started).toHaveLength(1);
});

test('one that was not begun with it, or left something out, is not finished', async () => {
  const { cli, point, photos } = await invaded();
  const restoreOf = async (restoreId: string, deleteExtra?: true) => {
    const input = { point, target: { original: true }, overwrite: 'if-different', deleteExtra };
    const execution = await cli.executions.start('restore', `restore-${restoreId}`, input);
    const common = {
      pointId: point,
      resourceArn: bucketArn,
      target: 's3://photos/',
      startedAt: cli.clock.now(),
    };
    await cli.catalog.restores.put({
      ...common,
      restoreId: restoreId.repeat(32),
      state: 'completed',
      execution,
    });
  };
  await restoreOf('a');
  await restoreOf('b', true);
  cli.report = { ...whole, kept: 2 };

  const plain = await cli.run('restores', 'aaaa', '--delete-extra', '--yes');
  const partly = await cli.run('restores', 'bbbb', '--delete-extra', '--yes');

  expect(plain.err).toContain('was not begun with --delete-extra');
  expect(partly.err).toContain('"holdfast restores bbbbbbbb --again" repeats it');
  expect([plain.code, partly.code, photos.asked]).toEqual([2, 2, 0]);
});

test('--all has one quote of what goes everywhere and one question, deletes when all are back, and leaves places of which it is not known', async () => {
  const { cli, photos } = await invaded();
  const docsArn = 'arn:aws:s3:::docs' as ResourceArn;
  const oldArn = 'arn:aws:s3:::old' as ResourceArn;
  cli.restoreBuckets = undefined;
  const [docs, old] = [new MemoryTargetBucket(), new MemoryTargetBucket()];
  old.keepsVersions = false;
  for (const [arn, bucket] of [
    [docsArn, docs],
    [oldArn, old],
  ] as const) {
    await cli.plantResource({ arn });
    await cli.backUp('full', arn);
    bucket.put('extra.txt', 'x');
    cli.targets.set(arn.replace('arn:aws:s3:::', ''), bucket);
  }
  const askedMeanwhile: number[] = [];
  cli.executions.onLook = async (execution) => {
    askedMeanwhile.push(photos.asked + docs.asked);
    cli.executions.end(execution, { status: 'succeeded', output: JSON.stringify({ report: whole }) });
  };
  cli.answer = 'y';
  const command = ['restore', '--all', ...toOriginal];

  const preview = (await cli.json(...command, '--dry-run')) as { parts: { extra: unknown }[] };
  const { code, out, err } = await cli.run(...command, '--wide');
  const inputs = cli.executions.started.map(({ input }) => input as { deleteExtra?: boolean });
  const first = askedMeanwhile.slice();
  const again = await cli.run(...command, '--yes');

  expect(first).toEqual([0, 0, 0]);
  expect(again.out).toContain(
    'extra      arn:aws:s3:::docs: nothing in s3://docs/ that the point does not have\n',
  );
  expect(preview.parts.map(({ extra }) => extra)).toMatchObject([
    { place: 's3://docs/', count: 1, first: ['extra.txt'] },
    { problem: 'the bucket keeps no versions; switch them on first' },
    { place: 's3://photos/', count: 3 },
  ]);
  expect(err).toBe('restore 3 resources, and delete 4 that the points do not have when all are back? [y/N] ');
  expect(out).toContain(
    'extra      arn:aws:s3:::docs: 1 object in s3://docs/ that the point does not have, 1 B: extra.txt\n',
  );
  expect(out).toContain(
    'extra      arn:aws:s3:::old: nothing is deleted there: the bucket keeps no versions',
  );
  expect(out).toContain('3 files: 2 the same already, 0 different and left, 0 failed; 3 of 3 extra deleted');
  expect(inputs.map(({ deleteExtra }) => deleteExtra)).toEqual([true, true, true]);
  expect([code, again.code]).toEqual([1, 1]);
  expect([...photos.current.keys()]).toEqual(names);
  expect([docs.current.size, old.current.size]).toEqual([0, 1]);
});

test('--all deletes nothing of a resource that is not back, and says so', async () => {
  const { cli, photos } = await invaded();
  cli.report = {
    ...whole,
    failed: 1,
    failedFiles: [{ path: 'a', name: 'ChunkCorruptError', message: 'broken' }],
  };

  const { code, out } = await cli.run('restore', '--all', ...toOriginal, '--wide', '--yes');

  expect(out).toContain('nothing deleted: not everything is as the point has it');
  expect(code).toBe(4);
  expect(photos.asked).toBe(0);
});

test('a point that lacks entries takes nothing from a bucket', async () => {
  const { cli, photos } = await invaded();
  const pointId = '20261123T130000Z-00000000000000ee' as PointId;
  await cli.plantPoint({ pointId, unread: { carried: 0, missing: 2 } });

  const { code, err } = await cli.run('restore', pointId, ...toOriginal, '--yes');

  expect(err).toContain('lacks 2 entries that could not be read');
  expect([code, photos.asked]).toEqual([2, 0]);
});
