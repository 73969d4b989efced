import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { PointId } from '@holdfast/engine';
import { MemoryCatalog, MemoryChunkIndex, SeededRandom } from '@holdfast/engine/testing';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { CliUnderTest } from '../cli-under-test.ts';

const blockBytes = 4096;

let cli: CliUnderTest;
let folder: string;
let point: PointId;
/** Content of the volumes `vol-0a1` (`/dev/xvda`) and `vol-0b2` (`/dev/sdf`). */
let contents: Record<string, Uint8Array>;

beforeEach(async () => {
  cli = new CliUnderTest();
  folder = mkdtempSync(join(tmpdir(), 'holdfast-images-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  cli.executions.succeed();
  contents = { 'vol-0a1': volume(1, [0, 5, 39]), 'vol-0b2': volume(2, [7]) };
  point = await cli.backUpVolumes(
    { volume: 'vol-0a1', content: contents['vol-0a1']!, blockBytes, record: { device: '/dev/xvda' } },
    { volume: 'vol-0b2', content: contents['vol-0b2']!, blockBytes, record: { device: '/dev/sdf' } },
  );
});

function volume(seed: number, filled: readonly number[]): Uint8Array {
  const random = new SeededRandom(`volume ${seed}`);
  const content = new Uint8Array(40 * blockBytes);
  for (const index of filled) content.set(random.bytes(blockBytes), index * blockBytes);
  return content;
}

function expectSame(path: string, id: string): void {
  expect(Buffer.compare(readFileSync(path), contents[id] ?? Buffer.alloc(0))).toBe(0);
}

describe('restore --to-file', () => {
  test('makes a disk image of a volume, by its device, and has it on the audit log first', async () => {
    const file = join(folder, 'disk.raw');

    const { code, out } = await cli.run('restore', point, '--volume', '/dev/xvda', '--to-file', file);

    expect(code).toBe(0);
    expect(out).toBe(`volume vol-0a1, 160 KiB, is ${file}: 3 blocks read (12 KiB), the rest is zeros\n`);
    expectSame(file, 'vol-0a1');
    expect(cli.executions.started.map(({ input }) => input)).toEqual([
      { point, target: { directory: `${hostname()}:${file}` } },
    ]);
  });

  test('says what it would read, and starts nothing', async () => {
    const file = join(folder, 'disk.raw');
    const args = ['restore', point, '--volume', 'vol-0b2', '--to-file', file];

    for (const how of ['--quote', '--dry-run']) {
      const { code, out } = await cli.run(...args, how);
      expect([code, out]).toEqual([
        0,
        `volume vol-0b2, 160 KiB, would be ${file}: 1 block to read (4.0 KiB), the rest is zeros and takes up nothing\n`,
      ]);
    }
    expect(await cli.json(...args, '--quote')).toMatchObject({ volume: 'vol-0b2', blocks: 1, to: file });

    expect(cli.executions.started).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('leaves another file alone, and says how it is replaced', async () => {
    const file = join(folder, 'disk.raw');
    writeFileSync(file, 'mine');
    const args = ['restore', point, '--volume', 'vol-0b2', '--to-file', file];

    const kept = await cli.run(...args);
    expect(readFileSync(file, 'utf8')).toBe('mine');
    const replaced = await cli.run(...args, '--overwrite', 'if-different');
    const again = await cli.run(...args);
    const same = await cli.json(...args);

    expect(kept).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^left as it was: .* repeat the restore with --overwrite if-different\n$/),
    });
    expect(replaced.out).toContain('1 block read');
    expect(again.out).toBe(`volume vol-0b2: ${file} is the same already\n`);
    expect(same).toMatchObject({ pointId: point, volume: 'vol-0b2', outcome: 'same' });
    expectSame(file, 'vol-0b2');
  });

  test('of a damaged vault names volume and byte, keeps what it has for another attempt, and goes on where it is asked', async () => {
    cli.store.decay('packs/', 60);
    const file = join(folder, 'disk.raw');
    const args = ['restore', point, '--volume', 'vol-0a1', '--to-file', file];

    const failed = await cli.run(...args);
    expect(failed.code).toBe(4);
    expect(failed.err).toMatch(
      /holdfast: volume vol-0a1 of point \S+ cannot be read from byte 0 on: packs\//,
    );
    expect(failed.err).toMatch(
      /what was written lies in \S+\/\.holdfast-image-[0-9a-f]{16}: the same command goes on/,
    );
    expect(readdirSync(folder)).toHaveLength(1);
    const partly = await cli.run(...args, '--zero-damaged');

    expect(partly.code).toBe(4);
    expect(partly.out).toMatch(/^zeros: 4\.0 KiB of volume vol-0a1 at byte 0: packs\//);
    expect(readdirSync(folder)).toEqual(['disk.raw']);
  });

  test('wants to be told which volume, and knows only those of the image', async () => {
    const file = join(folder, 'disk.raw');

    const none = await cli.run('restore', point, '--to-file', file);
    const wrong = await cli.run('restore', point, '--volume', '/dev/sdz', '--to-file', file);
    const nowhere = await cli.run('restore', point, '--volume', 'vol-0a1', '--to-volumes', 'eu-west-1a');
    const directory = await cli.run('restore', point, '--to-directory', folder);

    expect([none.code, none.err]).toEqual([
      3,
      'holdfast: no volume is named; it has vol-0a1 (/dev/xvda), vol-0b2 (/dev/sdf)\n',
    ]);
    expect([wrong.code, wrong.err]).toEqual([
      3,
      `holdfast: volume "/dev/sdz" is not in point ${point}; it has vol-0a1 (/dev/xvda), vol-0b2 (/dev/sdf)\n`,
    ]);
    expect(nowhere.err).toContain('--volume goes with --to-file only');
    expect(directory.err).toContain('a volume of it with --to-file <file>, or files in it with --path');
    expect(cli.executions.started).toEqual([]);
  });

  test('of an image whose blocks are not in the vault says where they are', async () => {
    const image = await cli.backUpImage('snap-1');

    const { code, err } = await cli.run('restore', image, '--to-file', join(folder, 'disk.raw'));

    expect(code).toBe(1);
    expect(err).toContain(
      'consists of EBS snapshots, whose blocks are not in the vault: snap-1; make volumes of them',
    );
  });

  test('of a point of files is refused', async () => {
    const files = await cli.backUpThreeFiles();

    const { code, err } = await cli.run('restore', files, '--to-file', join(folder, 'disk.raw'));

    expect(code).toBe(2);
    expect(err).toContain('restore it with --to-bucket, --to-original or --to-directory');
  });
});

describe('extract', () => {
  test('turns an image into disk images and its record, with the bucket and the key alone', async () => {
    cli.catalog = new MemoryCatalog();
    cli.index = new MemoryChunkIndex();
    const to = join(folder, 'out');

    const { code, out } = await cli.run('extract', 's3://vault-bucket', point, '--to', to);

    expect(code).toBe(0);
    expect(out).toContain(`the volumes and their machine are described in ${join(to, 'image.json')}\n`);
    expect(readdirSync(to).sort()).toEqual(['image.json', 'vol-0a1.raw', 'vol-0b2.raw']);
    expectSame(join(to, 'vol-0a1.raw'), 'vol-0a1');
    expectSame(join(to, 'vol-0b2.raw'), 'vol-0b2');
    expect(JSON.parse(readFileSync(join(to, 'image.json'), 'utf8'))).toMatchObject({
      snapshots: [{ volume: 'vol-0a1', device: '/dev/xvda' }, { volume: 'vol-0b2' }],
      machine: { instanceId: 'i-1', userData: 'c2VjcmV0' },
    });
    expect(statSync(join(to, 'image.json')).mode & 0o777).toBe(0o600);
    expect((await cli.run('extract', 's3://vault-bucket', point, '--to', to)).out).toContain(
      'vol-0a1.raw is the same already',
    );
  });

  test('takes one volume out of a directory copy, and does not write into that', async () => {
    const copy = join(folder, 'copy');
    for await (const { name } of cli.store.listVersions('')) {
      mkdirSync(dirname(join(copy, name)), { recursive: true });
      writeFileSync(join(copy, name), await cli.store.get(name));
    }
    const to = join(folder, 'out');

    const { code } = await cli.run('extract', copy, point, '--to', to, '--volume', '/dev/sdf');
    const inside = await cli.run('extract', copy, point, '--to', join(copy, 'out'));

    expect(code).toBe(0);
    expect(readdirSync(to).sort()).toEqual(['image.json', 'vol-0b2.raw']);
    expect(inside.code).not.toBe(0);
    expect(readdirSync(copy)).not.toContain('out');
  });

  test('writes no file outside, whatever a volume is called', async () => {
    const escaping = await cli.backUpVolumes({
      volume: '../../vol-evil',
      content: volume(3, [1]),
      blockBytes,
    });
    const to = join(folder, 'deep/er/out');

    const { code, err } = await cli.run('extract', 's3://vault-bucket', escaping, '--to', to);

    expect(code).toBe(1);
    expect(err).toContain('"../../vol-evil" cannot be restored here: it is no id of a volume');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('goes on at damage, and names what is zeros now', async () => {
    cli.store.decay('packs/', 60);
    const to = join(folder, 'out');

    const { code, out } = await cli.run('extract', 's3://vault-bucket', point, '--to', to, '--json');

    expect(code).toBe(4);
    expect(JSON.parse(out)).toMatchObject({
      directory: to,
      volumes: [{ volume: 'vol-0a1', damaged: [{ offset: 0 }, {}, {}] }, { volume: 'vol-0b2' }],
    });
    expect(readdirSync(to).sort()).toEqual(['image.json', 'vol-0a1.raw', 'vol-0b2.raw']);
  });
});

test('ls lists the volumes of an image, and says which blocks are in the vault', async () => {
  const inEbs = await cli.backUpImage('snap-1');

  const { out } = await cli.run('ls', point);
  const alone = await cli.run('ls', inEbs);
  const records = await cli.records('ls', point);
  const inside = await cli.run('ls', point, 'etc/passwd');

  expect(out).toMatch(/^vol-0a1 +snap-0a1 +\/dev\/xvda .* yes\nvol-0b2 +snap-0b2 .* yes$/m);
  expect(alone.out).toMatch(/^vol-0a1 +snap-1 .* no, in EBS alone$/m);
  expect(records).toMatchObject([
    { kind: 'volume', volume: 'vol-0a1', inVault: true, bytes: 40 * blockBytes },
    { volume: 'vol-0b2' },
  ]);
  expect(inside.code).toBe(3);
  expect(inside.err).toContain(
    '"etc/passwd" is on no volume of this image; begin with a "/", or with one of /dev/xvda, /dev/sdf',
  );
});

test('programs are told which volumes would be made of an image, and what that takes', async () => {
  const there = ['restore', point, '--to-volumes', 'eu-west-1a'];

  expect(await cli.json(...there, '--quote')).toMatchObject({ pointId: point, volumes: 2, blocks: 4 });
  expect(await cli.records(...there, '--dry-run')).toMatchObject([
    { kind: 'volume', volume: 'vol-0a1', to: 'eu-west-1a' },
    { volume: 'vol-0b2' },
  ]);
  expect(cli.executions.started).toEqual([]);
});

describe('extract --to-snapshots', () => {
  const source = ['extract', 's3://vault-bucket'];

  test('writes an image into snapshots of another region and account, with the bucket and the key alone', async () => {
    cli.catalog = new MemoryCatalog();
    const elsewhere = ['--to-snapshots', 'eu-west-3', '--snapshot-profile', 'forensics'];

    const { code, out } = await cli.run(...source, point, ...elsewhere, '--snapshot-key', 'arn:key');

    expect(code).toBe(0);
    expect(cli.openedWriters).toEqual([{ region: 'eu-west-3', profile: 'forensics' }]);
    const written = [...cli.written.snapshots.values()];
    expect(written.map(({ state, order }) => [state, order.sizeGiB, order.encryption])).toEqual([
      ['completed', 1, { keyArn: 'arn:key' }],
      ['completed', 1, { keyArn: 'arn:key' }],
    ]);
    expect(written.map(({ blocks }) => [...blocks.keys()].sort((a, b) => a - b))).toEqual([[0, 5, 39], [7]]);
    for (const [at, id] of ['vol-0a1', 'vol-0b2'].entries())
      for (const [index, block] of written[at]!.blocks)
        expect(
          Buffer.compare(block, contents[id]!.subarray(index * blockBytes, (index + 1) * blockBytes)),
        ).toBe(0);
    expect(out).toContain('volume vol-0a1 (/dev/xvda), 1 GiB, is snap-00000000000000001: 3 blocks written');
    expect(await cli.json(...source, point, ...elsewhere)).toMatchObject({
      region: 'eu-west-3',
      snapshots: [{ volume: 'vol-0a1', sizeGiB: 1, blocks: 3 }, { volume: 'vol-0b2' }],
    });
  });

  test('seals no snapshot of a volume that is damaged, and names it', async () => {
    cli.store.decay('packs/', 60);

    const { code, err } = await cli.run(
      ...source,
      point,
      '--to-snapshots',
      'eu-west-3',
      '--volume',
      'vol-0a1',
    );

    expect(code).toBe(4);
    expect(err).toContain('snapshot snap-00000000000000001 in eu-west-3 is not whole; delete it');
    expect([...cli.written.snapshots.values()].map(({ state }) => state)).toEqual(['pending']);
  });

  test('names the snapshots that were written before one failed, to programs too', async () => {
    const start = cli.written.start.bind(cli.written);
    cli.written.start = async (order) => (cli.written.snapshots.size > 0 ? 'busy' : start(order));

    const { code, err } = await cli.run(...source, point, '--to-snapshots', 'eu-west-3', '--json');

    expect(code).not.toBe(0);
    expect(err).toContain('volume vol-0a1 (/dev/xvda), 1 GiB, is snap-00000000000000001');
  });

  test.each([
    ['--to', 'out', '--to-snapshots', 'eu-west-3'],
    ['--to', 'out', '--snapshot-profile', 'forensics'],
    ['--to-snapshots', 'eu-west-3', '--format', 'qcow2'],
    ['--list', '--to-snapshots', 'eu-west-3'],
  ])('takes no %s %s with %s', async (...options) => {
    expect((await cli.run(...source, point, ...options)).code).toBe(2);
    expect(cli.openedWriters).toEqual([]);
  });
});
