import type { ImageRecord, ResourceArn } from '@holdfast/engine';
import { MemorySource, type PlantOptions, SeededRandom } from '@holdfast/engine/testing';
import type { FixtureVault } from './fixture-vault.ts';

/** A key of content closes a page of level 1 once in 2^12. */
const entriesOfDeepTree = 12_000;
const kib = 1024;
const mib = 1024 * kib;
const directory = {
  arn: 'holdfast:directory:host.example:/srv/photos' as ResourceArn,
  kind: 'directory',
} as const;
const bucket = { arn: 'arn:aws:s3:::photos.example' as ResourceArn, kind: 's3-bucket' } as const;

const fileFacts = { kind: 'file', attributes: { mode: '0644', uid: '1000', gid: '1000' } } as const;
const directoryFacts: PlantOptions = {
  kind: 'directory',
  attributes: { mode: '0755', uid: '1000', gid: '1000' },
};

/** What happens in each vault of the fixtures, by the vault's name. */
export const fixtureStories: Readonly<Record<string, (vault: FixtureVault) => Promise<void>>> = {
  directory: writeDirectory,
  empty: writeEmpty,
  bucket: writeBucket,
  // The same as version 1 writes it since roots say what could not be read.
  degraded: writeBucket,
  'rotated-key': writeRotatedKey,
  'offline-recipient': writeOfflineRecipient,
  'deep-tree': writeDeepTree,
  image: writeImage,
};

/** Every kind of point, of names that are hard on programs: not UTF-8, not normalised, with what shells and S3 mind. */
async function writeDirectory(vault: FixtureVault): Promise<void> {
  const source = new MemorySource(vault.clock);
  const modifiedMs = Date.parse('2025-12-24T18:00:00.000Z');
  for (const path of ['a/', 'a/b/', 'empty/', 'Größe/', 'links/']) source.plant(path, '', directoryFacts);
  for (const path of oddNames)
    source.plant(path, `content of ${Buffer.from(path).toString('hex')}`, { ...fileFacts, modifiedMs });
  source.plant('empty-file', '', { ...fileFacts, modifiedMs: 0 });
  source.plant('fraction', 'changed between two milliseconds', {
    ...fileFacts,
    modifiedMs: modifiedMs + 0.123,
  });
  source.plant('before-1970', 'old', { ...fileFacts, modifiedMs: -86_400_000.5 });
  source.plant('zeros', new Uint8Array(9 * mib), fileFacts);
  source.plant('noise', new SeededRandom('noise').bytes(150 * kib), fileFacts);
  source.plant('log', logText(2 * mib), fileFacts);
  plantLink(source, 'links/relative', { 'link-target': '../noise' });
  plantLink(source, 'links/dangling', { 'link-target': '/nowhere/Größe' });
  plantLink(source, 'links/bytes', { 'link-target-hex': 'ff2e2e2f80' });
  await vault.backUp({ ...directory, type: 'full', source });

  source.plant('log', `${logText(2 * mib)}one more line\n`, fileFacts);
  source.plant('a/b/new', 'new', fileFacts);
  source.remove('fraction');
  await vault.backUp({ ...directory, type: 'incremental', source });

  source.remove('a/b/new');
  source.plant('a/b/new/', '', directoryFacts);
  source.plant('a/b/new/below', 'a file became a directory', fileFacts);
  await vault.backUp({ ...directory, type: 'differential', source });
  await vault.consolidate(directory);

  source.plant('a/b/after', 'on top of a container', fileFacts);
  source.remove('empty-file');
  await vault.backUp({ ...directory, type: 'incremental', source });
}

const oddNames: readonly (string | Uint8Array)[] = [
  'a-',
  'a.b',
  'a/b.txt',
  'a0',
  'a/ leading and trailing ',
  'a/line\nbreak',
  'a/tab\tand "quotes" and \\backslash\\',
  'a/%2F%00',
  'a/-rf',
  'a/$(true) `true` *?[x]',
  'a/con',
  'a/\u0001\u001f\u007f',
  'a/\u202Eright-to-left',
  'Größe/NFC-\u00e9',
  'Größe/NFD-e\u0301',
  'Größe/日本語',
  'Größe/🙂‍↕️',
  `a/${'long-'.repeat(51)}`,
  Buffer.from([...Buffer.from('a/'), 0xff, 0xfe, 0x80]),
  Buffer.from([...Buffer.from('a/latin1-'), 0xe9]),
];

/** A source without entries has neither manifest nor pack map. */
async function writeEmpty(vault: FixtureVault): Promise<void> {
  const source = new MemorySource(vault.clock);
  await vault.backUp({ ...directory, type: 'full', source });
  await vault.backUp({ ...directory, type: 'incremental', source });
  await vault.consolidate(directory);
}

/** Objects with all that S3 keeps of them; some that could not be read, with and without an older point that has them. */
async function writeBucket(vault: FixtureVault): Promise<void> {
  const source = new MemorySource(vault.clock);
  const attributes = {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-cache',
    'storage-class': 'STANDARD_IA',
  };
  const userMetadata = { author: 'Ann', __proto__x: 'not special', title: '=?UTF-8?B?R3LDtsOfZQ==?=' };
  source.plant('plain', 'no headers');
  source.plant('with-all', 'headers, metadata and tags', {
    attributes,
    userMetadata,
    tags: { team: 'photos', 'a b': '' },
  });
  source.plant('folder/', '', { attributes: { 'content-type': 'application/x-directory' } });
  source.plant('/leading//and/../dots/.', 'keys are no paths');
  source.plant('breaks', 'first state of an object that cannot be read to its end');
  source.plant('denied', 'never readable');
  source.plant('gone', 'deleted between listing and reading');
  await vault.backUp({
    ...bucket,
    type: 'full',
    source,
    unread: ['denied', 'gone'],
    before: () => {
      source.trap('denied', 'deny');
      source.trap('gone', 'vanish');
    },
  });

  source.untrap('denied');
  source.plant('breaks', 'second state, of which only a half arrives');
  source.plant('with-all', 'headers, metadata and tags', {
    attributes,
    userMetadata,
    tags: { team: 'archive' },
  });
  await vault.backUp({
    ...bucket,
    type: 'incremental',
    source,
    unread: ['breaks', 'denied'],
    before: () => {
      source.trap('denied', 'deny');
      source.trap('breaks', 'break-midway');
    },
  });

  source.untrap('denied');
  source.untrap('breaks');
  await vault.backUp({ ...bucket, type: 'incremental', source });
}

/** Packs and roots under two data keys; the second point uses packs of the first. */
async function writeRotatedKey(vault: FixtureVault): Promise<void> {
  const source = new MemorySource(vault.clock);
  for (let number = 0; number < 20; number += 1)
    source.plant(`file-${number}`, `number ${number}`, fileFacts);
  await vault.backUp({ ...directory, type: 'full', source });

  await vault.rotateDataKey();
  source.plant('file-20', 'under the second key', fileFacts);
  await vault.backUp({ ...directory, type: 'incremental', source });
  await vault.consolidate(directory);
}

/** Keys that were wrapped for an offline recipient later, one that was made with it, and a container that carries both. */
async function writeOfflineRecipient(vault: FixtureVault): Promise<void> {
  const source = new MemorySource(vault.clock);
  for (let number = 0; number < 20; number += 1)
    source.plant(`file-${number}`, `number ${number}`, fileFacts);
  await vault.backUp({ ...directory, type: 'full', source });

  vault.addOfflineRecipient();
  source.plant('file-20', 'after the recipient was named', fileFacts);
  await vault.backUp({ ...directory, type: 'incremental', source });
  await vault.rotateDataKey();
  await vault.consolidate(directory);
}

/** Enough entries for three levels of pages; their content repeats, so that the vault stays small. */
async function writeDeepTree(vault: FixtureVault): Promise<void> {
  const source = new MemorySource(vault.clock);
  for (let number = 0; number < entriesOfDeepTree; number += 1)
    source.plant(pathOf(number), `${number % 40}`);
  await vault.backUp({ ...bucket, type: 'full', source });

  for (let number = 0; number < entriesOfDeepTree; number += 1_000)
    source.plant(pathOf(number), `${number} changed`);
  for (let number = 1; number < entriesOfDeepTree; number += 1_500) source.remove(pathOf(number));
  await vault.backUp({ ...bucket, type: 'incremental', source });
}

function pathOf(number: number): string {
  return `${number % 50}/${number.toString(36)}`;
}

/** A machine with two volumes, of which EC2 keeps the blocks. */
async function writeImage(vault: FixtureVault): Promise<void> {
  const volume = { volumeType: 'gp3', encrypted: true, availabilityZone: 'eu-central-1a' } as const;
  const image: ImageRecord = {
    snapshots: [
      {
        ...volume,
        volume: 'vol-0a',
        snapshot: 'snap-0a',
        device: '/dev/xvda',
        sizeGiB: 8,
        iops: 3000,
        throughput: 125,
        tags: {},
      },
      {
        ...volume,
        volume: 'vol-0b',
        snapshot: 'snap-0b',
        device: '/dev/sdf',
        sizeGiB: 500,
        tags: { Name: 'Größe' },
      },
    ],
    machine: {
      InstanceId: 'i-0a',
      InstanceType: 't4g.small',
      EbsOptimized: true,
      Tags: [{ Key: 'Name', Value: 'web' }],
    },
  };
  const instance = 'arn:aws:ec2:eu-central-1:123456789012:instance/i-0a' as ResourceArn;
  const resource = { arn: instance, kind: 'ec2-instance' } as const;
  await vault.commit(resource, {
    counts: {
      files: 2,
      filesChanged: 2,
      filesRemoved: 0,
      logicalBytes: 508 * 1024 * mib,
      readBytes: 0,
      newBytes: 0,
      storedBytes: 0,
    },
    warnings: [],
    unread: { carried: 0, missing: 0 },
    pagePacks: [],
    pagePacksCounted: 0,
    image,
  });
}

function plantLink(source: MemorySource, path: string, target: Readonly<Record<string, string>>): void {
  source.plant(path, '', {
    kind: 'symlink',
    attributes: { ...fileFacts.attributes, mode: '0777', ...target },
  });
}

function logText(bytes: number): string {
  const lines: string[] = [];
  let length = 0;
  for (let number = 0; length < bytes; number += 1) {
    const line = `2026-01-05T02:00:00Z INFO request ${number * 7919} served in ${(number * 31) % 997} ms\n`;
    lines.push(line);
    length += line.length;
  }
  return lines.join('');
}
