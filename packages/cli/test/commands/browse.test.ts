import type { PointId, ResourceArn } from '@holdfast/engine';
import { expect, test } from 'vitest';
import { CliUnderTest } from '../cli-under-test.ts';

async function withTree(): Promise<CliUnderTest> {
  const cli = new CliUnderTest();
  await cli.plantResource();
  cli.source.plant('readme.txt', 'hello');
  cli.source.plant('photos/2026/a.jpg', 'x'.repeat(3000));
  cli.source.plant('photos/b.jpg', 'y'.repeat(100));
  return cli;
}

test('lists the top of a point, with directories once each', async () => {
  const cli = await withTree();
  const { root } = await cli.backUp();

  const { code, out } = await cli.run('ls', root.point);

  expect(code).toBe(0);
  expect(out).toBe(`\
         -  -                     photos/
       5 B  2026-11-23 12:00:00Z  readme.txt
`);
});

test('lists a directory with or without its slash, a file, and everything with -r', async () => {
  const cli = await withTree();
  const { root } = await cli.backUp();

  const directory = await cli.run('ls', root.point, 'photos');
  const file = await cli.run('ls', root.point, 'readme.txt');
  const all = await cli.run('ls', '-r', root.point);

  expect(directory.out).toBe(`\
         -  -                     photos/2026/
     100 B  2026-11-23 12:00:00Z  photos/b.jpg
`);
  expect(await cli.run('ls', root.point, 'photos/')).toEqual(directory);
  expect(file.out).toBe('       5 B  2026-11-23 12:00:00Z  readme.txt\n');
  expect(all.out).toBe(`\
   2.9 KiB  2026-11-23 12:00:00Z  photos/2026/a.jpg
     100 B  2026-11-23 12:00:00Z  photos/b.jpg
       5 B  2026-11-23 12:00:00Z  readme.txt
`);
});

test('prints a directory with an entry of its own once', async () => {
  const cli = new CliUnderTest();
  cli.source.plant('d/', '', { kind: 'directory' });
  cli.source.plant('d/f', 'x');
  const { root } = await cli.backUp();

  const { out } = await cli.run('ls', root.point);

  expect(out).toBe('         -  2026-11-23 12:00:00Z  d/\n');
});

test('shows control characters in names instead of sending them to the terminal', async () => {
  const cli = new CliUnderTest();
  cli.source.plant('evil\u001b]0;title\u0007\n.txt', 'x');
  const { root } = await cli.backUp();

  const { out } = await cli.run('ls', root.point);

  expect(out).toBe('       1 B  2026-11-23 12:00:00Z  evil\\x1b]0;title\\x07\\x0a.txt\n');
});

test('shows control characters in the name of a resource instead of sending them to the terminal', async () => {
  const cli = new CliUnderTest();
  cli.source.plant('a', 'x');
  const { root } = await cli.backUp('full', 'holdfast:directory:vm:/evil\u001b[2J' as ResourceArn);

  const { out } = await cli.run('restore', root.point, '--quote');

  expect(out).toContain(`point     ${root.point} of holdfast:directory:vm:/evil\\x1b[2J\n`);
});

test('gives programs one line for each entry, and the bytes of names that are not UTF-8', async () => {
  const cli = await withTree();
  cli.source.plant(new Uint8Array([0x66, 0xff]), 'z');
  const { root } = await cli.backUp();

  expect(await cli.records('ls', root.point)).toEqual([
    { path: 'f\ufffd', pathBase64: 'Zv8=', kind: 'object', bytes: 1, modifiedAt: '2026-11-23T12:00:00.000Z' },
    { path: 'photos/', kind: 'implied-directory' },
    { path: 'readme.txt', kind: 'object', bytes: 5, modifiedAt: '2026-11-23T12:00:00.000Z' },
  ]);
});

test('of a resource lists the newest point; a path that the point does not have is not found', async () => {
  const cli = await withTree();
  await cli.backUp();
  cli.source.plant('new.txt', 'n');
  cli.clock.advance(60_000);
  const { root } = await cli.backUp('incremental');

  const found = await cli.run('ls', 'photos', 'new.txt');
  const missing = await cli.run('ls', 'photos', 'gone/');

  expect(found.out).toContain('new.txt');
  expect(missing.code).toBe(3);
  expect(missing.err).toBe(
    `holdfast: point ${root.point} has nothing at "gone/"; "holdfast ls ${root.point}" shows its top\n`,
  );
});

test('compares two points', async () => {
  const cli = await withTree();
  cli.source.plant('tagged.txt', 'same');
  const before = await cli.backUp();
  cli.source.plant('new.txt', 'n');
  cli.source.remove('readme.txt');
  cli.source.plant('photos/b.jpg', 'y'.repeat(2000));
  cli.source.plant('tagged.txt', 'same', { tags: { team: 'a' } });
  cli.clock.advance(60_000);
  const after = await cli.backUp('incremental');

  const { code, out } = await cli.run('diff', before.root.point, after.root.point);
  const records = await cli.records('diff', before.root.point, after.root.point);

  expect(code).toBe(0);
  expect(out).toBe(`\
+ new.txt  (1 B)
~ photos/b.jpg  (100 B -> 2.0 KiB)
- readme.txt  (5 B)
~ tagged.txt  (metadata)
1 added, 1 removed, 2 changed
`);
  expect(records).toMatchObject([
    { path: 'new.txt', change: 'added', after: { bytes: 1 } },
    { path: 'photos/b.jpg', change: 'changed', before: { bytes: 100 }, after: { bytes: 2000 } },
    { path: 'readme.txt', change: 'removed', before: { bytes: 5 } },
    { path: 'tagged.txt', change: 'changed' },
  ]);
});

test('says of entries that a point could not read that nothing is known of them', async () => {
  const cli = await withTree();
  const before = await cli.backUp();
  cli.source.plant('photos/b.jpg', 'y'.repeat(2000));
  cli.source.trap('photos/b.jpg', 'deny');
  cli.clock.advance(60_000);
  const carrying = await cli.backUp('incremental');
  const lacking = await cli.backUp();

  const carried = await cli.run('diff', before.root.point, carrying.root.point);
  const lacked = await cli.run('diff', before.root.point, lacking.root.point);

  expect(carried.out).toBe(`\
? photos/b.jpg  (the point after could not read it, and has it as in ${before.root.point})
0 added, 0 removed, 0 changed, 1 could not be read
`);
  expect(lacked.out).toBe(`\
? photos/b.jpg  (the point after could not read it)
0 added, 0 removed, 0 changed, 1 could not be read
`);
  expect(await cli.records('diff', before.root.point, lacking.root.point)).toMatchObject([
    { path: 'photos/b.jpg', change: 'unread', unreadIn: 'after' },
  ]);
});

test('listing a degraded point says on stderr what it lacks, and which point does not', async () => {
  const cli = await withTree();
  const before = await cli.backUp();
  cli.source.plant('new.txt', 'n');
  cli.source.trap('new.txt', 'deny');
  cli.clock.advance(60_000);
  const { root } = await cli.backUp('incremental');

  const { out, err } = await cli.run('ls', 'photos');

  expect(out).not.toContain('new.txt');
  expect(err).toBe(
    `holdfast: point ${root.point} is degraded: 1 entry could not be read: it lacks 1; the clean point to use instead ` +
      `is ${before.root.point} of 2026-11-23 12:00:00Z; "holdfast warnings ${root.point}" names what could not be read\n`,
  );
});

test('finds no difference between a point and itself', async () => {
  const cli = await withTree();
  const { root } = await cli.backUp();

  const { out } = await cli.run('diff', root.point, root.point);

  expect(out).toBe('0 added, 0 removed, 0 changed\n');
});

test('compares two points of images by their volumes', async () => {
  const cli = await withTree();
  const volume = { volume: 'vol-0a1', content: new Uint8Array(4_096).fill(1), blockBytes: 512 };
  const before = await cli.backUpVolumes(volume, { ...volume, volume: 'vol-0b2' });
  cli.clock.advance(60_000);
  const content = Buffer.concat([volume.content.fill(2, 600, 601), new Uint8Array(512)]);
  const after = await cli.backUpVolumes({ ...volume, content }, { ...volume, volume: 'vol-0c3' });

  const { code, out } = await cli.run('diff', before, after);
  const records = await cli.records('diff', before, after);

  expect(code).toBe(0);
  expect(out).toBe(`\
~ vol-0a1  (4.0 KiB -> 4.5 KiB; 512 B in 1 block)
- vol-0b2  (4.0 KiB; 4.0 KiB in 8 blocks)
+ vol-0c3  (4.0 KiB; 4.0 KiB in 8 blocks)
1 added, 1 removed, 1 changed
`);
  expect(records).toMatchObject([
    { volume: 'vol-0a1', change: 'changed', blocks: 1, bytes: 512 },
    { volume: 'vol-0b2', change: 'removed' },
    { volume: 'vol-0c3', change: 'added' },
  ]);
});

test('does not compare an image with files, and says what to do instead', async () => {
  const cli = await withTree();
  const { root } = await cli.backUp();
  const image = '20261123T120000Z-00000000000000ee' as PointId;
  await cli.plantPoint({ pointId: image, resourceKind: 'ebs-volume' });

  for (const argv of [['diff', root.point, image]]) {
    const { code, err } = await cli.run(...argv);
    expect(code).toBe(1);
    expect(err).toContain(`"holdfast restore ${image} --to-volumes <zone>" makes volumes of them`);
  }
});

test('takes the beginning of an id that only one point has', async () => {
  const cli = await withTree();
  const first = await cli.backUp();
  cli.clock.advance(86_400_000);
  const second = await cli.backUp();

  const byDay = await cli.run('ls', '20261124');
  const ambiguous = await cli.run('verify', '202611');
  const unknown = await cli.run('verify', '20200101');
  const tooShort = await cli.run('diff', '2026', '2026');

  expect(byDay.code).toBe(0);
  expect(ambiguous.code).toBe(2);
  expect(ambiguous.err).toBe(
    `holdfast: "202611" may be any of ${first.root.point} (arn:aws:s3:::photos), ` +
      `${second.root.point} (arn:aws:s3:::photos); write more of the id\n`,
  );
  expect(unknown.code).toBe(3);
  expect(tooShort.code).toBe(3);
  expect(tooShort.err).toContain('give at least 6 characters');
});

test('takes digits for a bucket when a bucket is named so', async () => {
  const cli = new CliUnderTest();
  await cli.plantResource({ arn: 'arn:aws:s3:::20261123' as never });
  cli.source.plant('a', 'x');
  await cli.backUp('full', 'arn:aws:s3:::20261123' as never);
  await cli.plantPoint({ pointId: '20261123T000000Z-00000000000000aa' as PointId });

  const { out } = await cli.run('verify', '20261123');

  expect(out).toContain('no damage');
});
