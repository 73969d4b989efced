import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { KeyUnavailableError, type Root, withOfflineRecipient } from '@holdfast/engine';
import { MemoryCatalog, MemoryChunkIndex } from '@holdfast/engine/testing';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { bucketArn, CliUnderTest } from '../cli-under-test.ts';

const bucket = 's3://vault-bucket';

let folder: string;
let cli: CliUnderTest;

beforeEach(() => {
  folder = makeFolder();
  cli = new CliUnderTest();
});

function makeFolder(): string {
  const made = mkdtempSync(join(tmpdir(), 'holdfast-extract-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** Files below a directory, with their content. */
function filesIn(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    names
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(directory.length + 1), readFileSync(path, 'latin1')]),
  );
}

/** What `aws s3 sync` makes of the vault. */
async function copyVault(): Promise<string> {
  const copy = join(folder, 'copy');
  for await (const { name } of cli.store.listVersions('')) {
    mkdirSync(dirname(join(copy, name)), { recursive: true });
    writeFileSync(join(copy, name), await cli.store.get(name));
  }
  return copy;
}

async function withContainer(): Promise<Root> {
  cli.source.plant('a', 'content of a');
  cli.source.plant('sub/b', 'content of b');
  await cli.backUp();
  return (await cli.makeContainer()).root;
}

/** A key pair in files, with its passphrase. */
function makeOfflineKey(): { readonly path: string; readonly publicKey: string } {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
  const path = join(folder, 'offline.pem');
  const cipher = { cipher: 'aes-256-cbc', passphrase: 'open sesame' };
  writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher }));
  return { path, publicKey: String(publicKey.export({ type: 'spki', format: 'pem' })) };
}

/** What is left of a product that is dead: the bucket. */
function loseTables(): void {
  cli.catalog = new MemoryCatalog();
  cli.index = new MemoryChunkIndex();
}

async function withTwoPoints(): Promise<{ readonly first: Root; readonly second: Root }> {
  cli.source.plant('a', 'content of a');
  cli.source.plant('sub/b', 'content of b');
  const { root: first } = await cli.backUp();
  cli.clock.advance(3_600_000);
  cli.source.plant('a', 'content of a, changed');
  const { root: second } = await cli.backUp('incremental');
  loseTables();
  return { first, second };
}

describe('a bucket of which only the key is left', () => {
  test('lists its points, without a deployment', async () => {
    const { first, second } = await withTwoPoints();

    const listed = await cli.json('extract', bucket, '--list');

    expect(listed).toMatchObject({
      points: [
        { pointId: second.point, resourceArn: bucketArn, type: 'incremental', files: 2 },
        {
          pointId: first.point,
          type: 'full',
          sourceTime: first.sourceTime,
          bytes: first.counts.logicalBytes,
        },
      ],
      damaged: [],
    });
    expect((await cli.run('extract', bucket, '--list', '--wide')).out).toMatch(
      /^POINT +RESOURCE +TAKEN +TYPE/,
    );
    expect(cli.connected).toEqual([]);
    expect(cli.opened).toEqual(['vault-bucket', 'vault-bucket']);
    expect(cli.closed).toBe(2);
  });

  test.each([
    ['its id', ({ first }: { first: Root }) => [first.point], 'content of a'],
    ['the name of its resource', () => ['photos'], 'content of a, changed'],
    [
      'the ARN of its resource and a time',
      ({ first }: { first: Root }) => [bucketArn, '--time', first.sourceTime],
      'content of a',
    ],
  ])('gives a point back by %s', async (_what, wordsOf, a) => {
    const points = await withTwoPoints();
    const to = join(folder, 'restored');

    const { code, out } = await cli.run('extract', bucket, ...wordsOf(points), '--to', to);

    expect(code).toBe(0);
    expect(out).toContain('restored 2 files');
    expect(filesIn(to)).toEqual({ a, 'sub/b': 'content of b' });
  });

  test('gives some paths back, and leaves what is there alone', async () => {
    await withTwoPoints();
    const to = join(folder, 'restored');
    mkdirSync(to);
    writeFileSync(join(to, 'a'), 'mine');

    const answer = await cli.json('extract', bucket, 'photos', '--to', to, '--path', 'sub/', '--path', 'a');

    expect(answer).toMatchObject({ files: 2, written: 1, kept: 1, failed: [], lostPages: [] });
    expect(filesIn(to)).toEqual({ a: 'mine', 'sub/b': 'content of b' });
  });

  test('says what it has not', async () => {
    await withTwoPoints();
    const to = join(folder, 'restored');

    const nothing = await cli.run('extract', bucket, 'videos', '--to', to);
    const noPath = await cli.run('extract', bucket, 'photos', '--to', to, '--path', 'c');
    const empty = await cli.run('extract', makeFolder(), '--list');

    expect(nothing).toMatchObject({
      code: 3,
      err: expect.stringContaining('the source has no point "videos"'),
    });
    expect(noPath).toMatchObject({ code: 3, err: expect.stringContaining('has nothing at one of ["c"]') });
    expect(empty).toMatchObject({ code: 3, err: expect.stringContaining('format.json is missing') });
  });
});

describe('a directory copy of a bucket', () => {
  test('gives its points back and is not written to', async () => {
    await withTwoPoints();
    const copy = await copyVault();
    const before = filesIn(copy);
    const to = join(folder, 'restored');

    const listed = await cli.run('extract', copy, '--list');
    const restored = await cli.run('extract', copy, 'photos', '--to', to);

    expect([listed.code, restored.code]).toEqual([0, 0]);
    expect(filesIn(to)).toMatchObject({ a: 'content of a, changed' });
    expect(filesIn(copy)).toEqual(before);
    expect(readdirSync(copy)).not.toContain('.holdfast');
  });

  test('is not restored into, nor is anything below it', async () => {
    await withTwoPoints();
    const copy = await copyVault();
    const before = filesIn(copy);

    for (const to of [copy, join(copy, 'points/restored')]) {
      const refused = await cli.run('extract', copy, 'photos', '--to', to);

      expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('lies in the vault') });
    }
    expect(filesIn(copy)).toEqual(before);
  });

  test('is not restored to a place that cannot be made: the command says so, and ends', async () => {
    await withTwoPoints();
    const copy = await copyVault();

    const refused = await cli.run('extract', copy, 'photos', '--to', '/proc/holdfast/restored');

    expect(refused.code).toBe(1);
    expect(refused.err).toContain('directory "/proc/holdfast/restored" cannot be restored to');
  });

  test('is opened with the offline key when KMS is gone', async () => {
    const { path, publicKey } = makeOfflineKey();
    const online = cli.keyring;
    cli.keyring = withOfflineRecipient(online, publicKey);
    await withTwoPoints();
    cli.keyring = {
      generate: async () => Promise.reject(new KeyUnavailableError('new', [])),
      unwrap: async ({ keyId }) => Promise.reject(new KeyUnavailableError(keyId, ['kms'])),
    };
    cli.env = { OPEN: 'open sesame' };
    const copy = await copyVault();
    const to = join(folder, 'restored');
    const args = ['extract', copy, 'photos', '--to', to];

    const online_ = await cli.run(...args);
    const closed = await cli.run(...args, '--offline-key', path);
    const opened = await cli.run(...args, '--offline-key', path, '--passphrase-env', 'OPEN');

    expect(online_).toMatchObject({ code: 1, err: expect.stringContaining('cannot be unwrapped here') });
    expect(closed).toMatchObject({ code: 2, err: expect.stringContaining('give its passphrase') });
    expect(opened.code).toBe(0);
    expect(filesIn(to)).toEqual({ a: 'content of a, changed', 'sub/b': 'content of b' });
  });
});

describe('a container by itself', () => {
  test('gives its point back, from a file of any name and from its bucket', async () => {
    const root = await withContainer();
    const name = `containers/${root.container?.pack}`;
    const file = join(folder, 'somewhere.bin');
    writeFileSync(file, await cli.store.get(name));
    const expected = { a: 'content of a', 'sub/b': 'content of b' };

    const fromFile = await cli.run('extract', file, '--to', join(folder, 'one'));
    const fromBucket = await cli.run('extract', `${bucket}/${name}`, '--to', join(folder, 'two'));
    const listed = await cli.json('extract', file, '--list');

    expect([fromFile.code, fromBucket.code]).toEqual([0, 0]);
    expect(filesIn(join(folder, 'one'))).toEqual(expected);
    expect(filesIn(join(folder, 'two'))).toEqual(expected);
    expect(listed).toMatchObject({ points: [{ resourceArn: bucketArn, type: 'synthetic-full', files: 2 }] });
  });

  test('that is none, or is cut off, is refused', async () => {
    const { container } = await withContainer();
    const whole = await cli.store.get(`containers/${container?.pack}`);
    const file = join(folder, 'container');
    const to = join(folder, 'restored');

    writeFileSync(file, 'x'.repeat(100));
    const none = await cli.run('extract', file, '--to', to);
    writeFileSync(file, whole.subarray(0, -1));
    const cut = await cli.run('extract', file, '--to', to);
    writeFileSync(file, whole);
    const named = await cli.run('extract', file, 'photos', '--to', to);

    expect(none).toMatchObject({ code: 4, err: expect.stringContaining('header is not where it should be') });
    expect(cut).toMatchObject({ code: 4, err: expect.stringContaining('trailer is not where it should be') });
    expect(named).toMatchObject({ code: 2, err: expect.stringContaining('a container has one point') });
  });
});

describe('damage', () => {
  test('of a chunk costs the files that need it', async () => {
    // Large enough for frames of their own.
    const [a, b] = ['content of a '.repeat(30_000), 'content of b '.repeat(30_000)] as const;
    cli.source.plant('a', a);
    cli.source.plant('b', b);
    await cli.backUp();
    loseTables();
    for await (const { name } of cli.store.listVersions('packs/')) cli.store.decay(name, 45);
    const to = join(folder, 'restored');

    const { code, out } = await cli.run('extract', bucket, 'photos', '--to', to);

    expect(code).toBe(4);
    expect(out).toMatch(/^not restored: a: .*is damaged/);
    const restored = filesIn(to);
    expect(Object.keys(restored)).toEqual(['b']);
    expect(restored['b'] === b).toBe(true);
  });

  test('of a page costs the files that it names', async () => {
    const names = Array.from({ length: 2_000 }, (_, index) => `file-${index}`);
    for (const name of names) cli.source.plant(name, name);
    await cli.backUp();
    loseTables();
    // In the first page of the pack with the manifest's.
    const packs = await Array.fromAsync(cli.store.listVersions('pages/'));
    const [largest] = packs.sort((one, other) => other.bytes - one.bytes);
    cli.store.decay(largest?.name ?? '', 60);
    const to = join(folder, 'restored');

    const { code, out } = await cli.run('extract', bucket, 'photos', '--to', to);

    expect(code).toBe(4);
    expect(out).toMatch(/^not restored: (files of a lost page of \d+ entries|file-\d+): .*is damaged/m);
    const restored = filesIn(to);
    expect(Object.keys(restored).length).toBeGreaterThan(500);
    expect(Object.keys(restored).length).toBeLessThan(2_000);
    for (const [name, content] of Object.entries(restored)) expect(content).toBe(name);
  });

  test('of a root costs its point, and the newest before it is taken', async () => {
    const { first, second } = await withTwoPoints();
    for await (const { name } of cli.store.listVersions('points/'))
      if (name.endsWith(second.point)) cli.store.decay(name, 60);
    const to = join(folder, 'restored');

    const listed = await cli.run('extract', bucket, '--list', '--json');
    const restored = await cli.run('extract', bucket, 'photos', '--to', to);

    expect(listed.code).toBe(4);
    expect(JSON.parse(listed.out)).toMatchObject({
      points: [{ pointId: first.point }],
      damaged: [{ name: 'StoredBytesDamagedError' }],
    });
    expect(restored).toMatchObject({ code: 4, err: expect.stringContaining(`${second.point} is damaged`) });
    expect(filesIn(to)).toMatchObject({ a: 'content of a' });
  });
});

async function withDegraded(): Promise<{ readonly clean: Root; readonly degraded: Root }> {
  cli.source.plant('a', 'old');
  const clean = (await cli.backUp()).root;
  cli.clock.advance(60_000);
  cli.source.plant('b', 'content');
  cli.source.trap('b', 'deny');
  const degraded = (await cli.backUp('incremental')).root;
  loseTables();
  return { clean, degraded };
}

describe('a degraded point', () => {
  test('says what it could not read before it is restored, and which point to take instead', async () => {
    const { clean, degraded } = await withDegraded();

    const to = join(folder, 'to');
    const { err } = await cli.run('extract', bucket, bucketArn, '--to', to);
    const document = await cli.json('extract', bucket, bucketArn, '--to', to);

    expect(err).toMatch(
      new RegExp(
        `^holdfast: point ${degraded.point} is degraded: 1 entry could not be read: it lacks 1; ` +
          `the clean point to use instead is ${clean.point} of 2026-11-23 12:00:00Z\nholdfast: "b" may not be read`,
      ),
    );
    expect(document).toMatchObject({ unread: { carried: 0, missing: 1 }, cleanPointId: clean.point });
  });

  test('is listed as one', async () => {
    const { clean, degraded } = await withDegraded();

    const { out } = await cli.run('extract', bucket, '--list', '--wide');

    expect(out).toMatch(new RegExp(`^${degraded.point} .*  degraded \\(1 missing, 0 older\\)$`, 'm'));
    expect(out).toMatch(new RegExp(`^${clean.point} .*  clean$`, 'm'));
  });
});

test('a path that leads out of the directory is refused, the others are restored', async () => {
  cli.source.plant('../outside', 'x');
  cli.source.plant('inside', 'y');
  await cli.backUp();
  loseTables();
  const to = join(folder, 'below', 'restored');

  const { code, out } = await cli.run('extract', bucket, 'photos', '--to', to);

  expect(code).toBe(1);
  expect(out).toContain('not restored: ../outside: "../outside" cannot be restored here');
  expect(filesIn(folder)).toEqual({ 'below/restored/inside': 'y' });
});

test.each([
  [[bucket], 'name a directory with --to'],
  [[bucket, '--to', 'x'], 'name a point or a resource after the source'],
  [[bucket, 'photos', '--to', ''], 'the directory after --to is empty'],
  [[bucket, 'photos', '--list'], '--list takes the source alone'],
  [['/nowhere/at/all', '--list'], '"/nowhere/at/all" does not exist'],
  [[bucket, '--list', '--key-file', 'k', '--offline-key', 'o'], 'not both'],
  [[bucket, '--list', '--passphrase-env', 'P'], '--passphrase-env belongs to --offline-key'],
  [[bucket, '--list', '--offline-key', 'o', '--passphrase-env', 'P'], 'the variable P is not set'],
  [[bucket, '--list', '--key-file', '/nowhere'], 'key file /nowhere does not exist'],
])('%j is answered with what to write instead', async (args, says) => {
  const { code, err } = await cli.run('extract', ...args);

  expect(code).toBe(2);
  expect(err).toContain(says);
});
