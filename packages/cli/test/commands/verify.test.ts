import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AccessDeniedError,
  CredentialsRefusedError,
  KeyUnavailableError,
  ObjectArchivedError,
  type PointId,
} from '@holdfast/engine';
import { expect, test } from 'vitest';
import { bucketArn, CliUnderTest, volumeArn } from '../cli-under-test.ts';

/** Two files that are large enough for frames of their own, so that each has bytes of its own to damage. */
async function backedUp() {
  const cli = new CliUnderTest();
  await cli.plantResource();
  cli.source.plant('a.bin', cli.random.bytes(300_000));
  cli.source.plant('b.bin', cli.random.bytes(300_000));
  const { root } = await cli.backUp();
  return { cli, root };
}

test('says that a whole point has no damage', async () => {
  const { cli, root } = await backedUp();

  const { code, out } = await cli.run('verify', root.point);

  expect(out).toBe(`point ${root.point}: read 2 files, 586 KiB in 2 chunks of 1 pack: no damage\n`);
  expect(code).toBe(0);
});

test('ends with 4 and names each file that is damaged', async () => {
  const { cli, root } = await backedUp();
  cli.store.decay('packs/', 5_000);

  const { code, out, err } = await cli.run('verify', root.point);
  const document = await cli.json('verify', bucketArn);

  expect(code).toBe(4);
  expect(err).toBe('');
  expect(out).toMatch(/^damaged: a\.bin: .+; run verify on the points that use it\n/);
  expect(out).not.toContain('b.bin');
  expect(out).toContain('DAMAGED: 1 file cannot be restored, 0 other problems\n');
  expect(document).toMatchObject({
    damaged: true,
    vaultFiles: [],
    histories: [{ resourceArn: bucketArn, roots: 1, problems: [] }],
    points: [
      {
        pointId: root.point,
        resourceArn: bucketArn,
        damaged: true,
        damagedFileCount: 1,
        damagedFiles: [{ path: 'a.bin' }],
        damagedObjects: [{ objectName: expect.stringMatching(/^packs\//) }],
      },
    ],
  });
});

test('ends with 4 when the root itself is damaged', async () => {
  const { cli, root } = await backedUp();
  cli.store.decay('points/', 60);

  const { code, out, err } = await cli.run('verify', root.point);

  expect(code).toBe(4);
  expect(err).toBe('');
  expect(out).toContain(`point ${root.point}: DAMAGED: its root cannot be read: points/`);
});

test('a damaged file is left out of a restore to a directory, which ends with 4', async ({
  onTestFinished,
}) => {
  const { cli, root } = await backedUp();
  cli.store.decay('packs/', 5_000);
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-'));
  onTestFinished(async () => rm(directory, { recursive: true }));
  cli.executions.succeed();

  const { code, out } = await cli.run('restore', root.point, '--to-directory', directory);

  expect(code).toBe(4);
  expect(out).toContain('not restored: a.bin: ');
  expect(await readdir(directory)).toEqual(['b.bin']);
});

test('tells a watching person how far it is', async () => {
  const { cli, root } = await backedUp();
  cli.errIsTerminal = true;

  const { err } = await cli.run('verify', root.point);

  expect(err).toBe('verify: 1 of 2 files, 0 B, 50 %\n');
});

test('reads what several points share once, and names the files of each that is affected', async () => {
  const { cli, root } = await backedUp();
  cli.clock.advance(60_000);
  cli.source.plant('c.bin', cli.random.bytes(300_000));
  cli.source.plant('b.bin', cli.random.bytes(300_000));
  const second = (await cli.backUp('incremental')).root;
  const whole = await cli.run('verify', '--all');
  cli.store.decay('packs/', 400_000);

  const { code, out } = await cli.run('verify', '--all');
  const alone = await cli.run('verify', second.point);

  expect(whole.code).toBe(0);
  expect(whole.out.match(/no damage/g)).toHaveLength(2);
  expect(code).toBe(4);
  const [first = '', rest = ''] = out.split(`point ${second.point} of ${bucketArn}\n`);
  expect(first).toContain(`point ${root.point} of ${bucketArn}\n`);
  expect(first).toMatch(/^damaged: b\.bin: /m);
  expect(first).not.toContain('a.bin');
  expect(rest).toMatch(/^damaged: c\.bin: /m);
  expect(rest.match(/^damaged object: packs\//gm)).toHaveLength(2);
  expect(alone.out).not.toContain('b.bin');
});

test('of a resource reads its newest point, with --all every one that is kept', async () => {
  const { cli, root } = await backedUp();
  cli.clock.advance(20 * 86_400_000);
  const second = (await cli.backUp('incremental')).root;
  const newest = await cli.run('verify', 'photos');
  const both = await cli.run('verify', 'photos', '--all');
  cli.clock.advance(15 * 86_400_000);
  const kept = await cli.run('verify', '--all');

  expect(newest.out).toContain(second.point);
  expect(newest.out).not.toContain(root.point);
  expect(both.out).toContain(root.point);
  expect(kept.out).toContain(second.point);
  expect(kept.out).toContain(
    `point ${root.point} of ${bucketArn}: not looked at: its retention has ended, and what it needs may be gone\n`,
  );
});

test('with --all says which points it did not look at, and why', async () => {
  const { cli, root } = await backedUp();
  const over = '20261023T020000Z-00000000000000cc' as PointId;
  await cli.plantPoint({ pointId: over, resourceArn: volumeArn, expiresAt: cli.clock.now() });

  const { out } = await cli.run('verify', '--all');
  const document = await cli.json('verify', '--all');

  const reason = 'its retention has ended, and what it needs may be gone';
  expect(out).toContain(`point ${over} of ${volumeArn}: not looked at: ${reason}\n`);
  expect(document).toMatchObject({
    points: [{ pointId: root.point }],
    passedOver: [{ pointId: over, resourceArn: volumeArn, reason }],
  });
});

test('looks for the snapshots of an image, and names those that somebody deleted', async () => {
  const { cli } = await backedUp();
  const image = await cli.backUpImage('snap-1');

  const whole = await cli.run('verify', image);
  cli.snapshots.delete('snap-1');
  const named = await cli.run('verify', image);
  const all = await cli.run('verify', '--all');
  const document = await cli.json('verify', image);

  expect(whole).toMatchObject({
    code: 0,
    out: `point ${image}: looked for 1 EBS snapshot: all are there, their blocks were not read\n`,
  });
  expect([named.code, all.code]).toEqual([4, 4]);
  expect(named.out).toContain('damaged: snapshot snap-1 of volume vol-0a1 does not exist any more');
  expect(all.out).toContain(
    `point ${image}: looked for 1 EBS snapshot: DAMAGED: 1 volume cannot be restored\n`,
  );
  expect(document).toMatchObject({
    damaged: true,
    points: [{ pointId: image, damaged: true, losses: [{ name: 'SnapshotMissingError' }] }],
  });
});

test('reads the blocks of an image that has them in the vault, which needs nothing else', async () => {
  const { cli } = await backedUp();
  const content = new Uint8Array(4 * 4096).fill(7, 4096);
  const image = await cli.backUpVolumes({ volume: 'vol-0a1', content, blockBytes: 4096 });

  const whole = await cli.run('verify', image);
  cli.store.decay('packs/', 60);
  const damaged = await cli.run('verify', image);

  expect(whole.code).toBe(0);
  expect(whole.out).toMatch(
    new RegExp(`^point ${image}: .*: no damage; it needs nothing outside the vault\\n$`),
  );
  expect(damaged.code).toBe(4);
  expect(damaged.out).toContain('vol-0a1');
});

test('says of a point without damage that it lacks what could not be read', async () => {
  const { cli } = await backedUp();
  cli.source.plant('denied', 'content');
  cli.source.trap('denied', 'deny');
  cli.clock.advance(60_000);
  await cli.backUp('incremental');

  const { code, out } = await cli.run('verify', 'photos');

  expect(code).toBe(0);
  expect(out).toContain(': no damage; 1 entry could not be read: it lacks 1\n');
});

test('marks damaged packs when it is told to, and else says how', async () => {
  const { cli, root } = await backedUp();
  cli.store.decay('packs/', 5_000);
  const isMarked = (): boolean => cli.catalog.packRows().some(({ damaged }) => damaged === true);

  const { out } = await cli.run('verify', root.point);
  expect(out).toContain('run it again with --mark-damaged');
  expect(isMarked()).toBe(false);
  const marking = await cli.run('verify', root.point, '--mark-damaged');

  expect(marking.code).toBe(4);
  expect(marking.out).toContain('the next backups store anew what these objects hold');
  expect(isMarked()).toBe(true);
});

test('ends with 4 when a pack is damaged where no file of the point lies', async () => {
  const { cli, root } = await backedUp();
  cli.store.decay('packs/', 10);

  const { code, out } = await cli.run('verify', root.point);

  expect(code).toBe(4);
  expect(out).toContain('all files can be restored; 1 object that it uses is damaged elsewhere\n');
  expect(out).toMatch(/^damaged object: packs\/\S+: /m);
});

test('names the vault’s own files and the history of the resource', async () => {
  const { cli, root } = await backedUp();
  let key = '';
  for await (const { name } of cli.store.listVersions('keys/'))
    if (Buffer.from(await cli.store.get(name)).includes('"purpose": "data"')) key = name;
  const name = (await cli.catalog.points.find(root.point))?.rootName ?? '';
  cli.store.plantVersion(name, new Uint8Array(10));
  cli.store.decay(key, 130);

  const { code, out } = await cli.run('verify', root.point);

  expect(code).toBe(4);
  expect(out).toContain(`damaged: ${key} is damaged: `);
  expect(out).toMatch(
    new RegExp(`^history: point ${root.point}: ${name} is damaged: version \\S+ was written over`, 'm'),
  );
});

test('names a page that is lost by the paths behind it', async () => {
  const { cli, root } = await backedUp();
  cli.store.decay('pages/', 60);

  const { code, out } = await cli.run('verify', root.point);

  expect(code).toBe(4);
  expect(out).toMatch(/^lost: 4 entries of the manifest, from the first through "b\.bin": pages\//m);
  expect(out).toMatch(/DAMAGED: 0 files cannot be restored, \d lost pages?, 0 other problems/);
});

test('wants to know what to verify', async () => {
  const { code, err } = await new CliUnderTest().run('verify');

  expect(code).toBe(2);
  expect(err).toContain('name a point or a resource, or write "holdfast verify --all"');
});

test('stops when the credentials are over, says how far it came, and calls nothing damaged', async () => {
  const { cli, root } = await backedUp();
  cli.clock.advance(60_000);
  cli.source.plant('c.bin', cli.random.bytes(20_000));
  const second = (await cli.backUp('full')).root;
  const get = cli.store.get.bind(cli.store);
  let packs = new Set<string>();
  cli.store.get = async (name, options) => {
    if (name.startsWith('packs/')) packs.add(name);
    if (packs.size > 1) throw new CredentialsRefusedError('reading x failed as the credentials were refused');
    return get(name, options);
  };

  const { code, out, err } = await cli.run('verify', '--all');
  packs = new Set();
  const document = await cli.json('verify', '--all');

  expect(code).toBe(1);
  expect(out).not.toMatch(/damaged/i);
  expect(err).toContain('stopped after 1 of 2 points');
  expect(err).toContain('the credentials were refused');
  expect(err).toContain(`then run "holdfast verify ${second.point}"`);
  expect(document).toMatchObject({
    damaged: false,
    stopped: expect.stringContaining('stopped after 1 of 2 points'),
    notReached: [second.point],
    points: [{ pointId: root.point, damaged: false }],
  });
});

test('ends with 4 when it had found damage before it was stopped', async () => {
  const { cli } = await backedUp();
  cli.store.decay('packs/', 5_000);
  cli.clock.advance(60_000);
  cli.source.plant('c.bin', cli.random.bytes(20_000));
  await cli.backUp('full');
  const get = cli.store.get.bind(cli.store);
  const packs = new Set<string>();
  cli.store.get = async (name, options) => {
    if (name.startsWith('packs/')) packs.add(name);
    if (packs.size > 1) throw new CredentialsRefusedError('the credentials were refused');
    return get(name, options);
  };

  const { code, out, err } = await cli.run('verify', '--all');

  expect(code).toBe(4);
  expect(out).toMatch(/^damaged: a\.bin: /m);
  expect(err).toContain('stopped after 1 of 2 points');
});

test('stops when the key of the vault may not be used, and calls nothing damaged', async () => {
  const { cli, root } = await backedUp();
  cli.keyring.unwrap = async ({ keyId }) =>
    Promise.reject(
      new KeyUnavailableError(keyId, ['kms'], { refusal: 'AccessDeniedException: no kms:Decrypt' }),
    );

  const { code, out, err } = await cli.run('verify', root.point);

  expect(code).toBe(1);
  expect(out).toBe('');
  expect(err).toContain('no kms:Decrypt');
});

test('says what reading costs before it reads points in a class that charges for it', async () => {
  const { cli, root } = await backedUp();
  const { root: archived } = await cli.makeContainer({ pointId: root.point, storageClass: 'GLACIER_IR' });

  const hot = await cli.run('verify', root.point);
  const cold = await cli.run('verify', archived.point);

  expect(hot.err).toBe('');
  expect(cold.err).toMatch(/reads 1 point in GLACIER_IR, for about \$0\.\d{4} \(list prices of us-east-1, /);
  expect(cold.code).toBe(0);
});

test('says what it could not verify before it is thawed, and goes on', async () => {
  const { cli, root } = await backedUp();
  const get = cli.store.get.bind(cli.store);
  cli.store.get = async (name, options) => {
    if (name.startsWith('packs/')) throw new ObjectArchivedError(name);
    return get(name, options);
  };

  const named = await cli.run('verify', root.point);
  const all = await cli.run('verify', '--all');

  expect(named.out).toMatch(
    new RegExp(`^point ${root.point}: not verified: object packs/\\S+ is in an archive class`),
  );
  expect(named.code).toBe(1);
  expect(all.code).toBe(0);
});

test('says what may not be read, verifies the rest, and ends with 1', async () => {
  const { cli, root } = await backedUp();
  cli.clock.advance(60_000);
  cli.source.plant('c.bin', cli.random.bytes(20_000));
  const { root: newer } = await cli.backUp();
  const [refused] = cli.catalog
    .packRows()
    .filter(({ kind }) => kind === 'chunks')
    .slice(-1);
  const get = cli.store.get.bind(cli.store);
  cli.store.get = async (name, options) => {
    if (name.includes(refused?.packId ?? '-')) throw new AccessDeniedError(`reading ${name} was refused`);
    return get(name, options);
  };

  const { code, out, err } = await cli.run('verify', '--all');

  expect({ code, err }).toEqual({ code: 1, err: '' });
  expect(out).toMatch(new RegExp(`^point ${root.point}: read 2 files, .*: no damage$`, 'm'));
  expect(out).toMatch(
    new RegExp(`^not readable: packs/\\S+${refused?.packId}.*: reading .* was refused`, 'm'),
  );
  expect(out).toMatch(
    new RegExp(
      `^point ${newer.point}: .*NOT VERIFIED: 1 file and 1 object may not be read; of the rest: no damage$`,
      'm',
    ),
  );
});
