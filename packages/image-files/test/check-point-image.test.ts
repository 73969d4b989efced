import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  bytesSource,
  dataAt,
  groupText,
  makeExtImage,
  makeScratch,
  physicalIds,
  volumeText,
  writeGpt,
  writePhysicalVolume,
} from '@holdfast/disk/testing';
import type { VolumeSnapshot, VolumeStretch } from '@holdfast/engine';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkImage, type ImageCheck } from '../src/check-point-image.ts';
import { LostStretches } from '../src/lost-stretches.ts';
import { PointImage } from '../src/point-image.ts';

const mebibyte = 2 ** 20;
const extent = 65_536;
const scratch = makeScratch();
afterAll(scratch.remove);

const content = Buffer.alloc(1_300_000, 'content of the long file ');
/** A disk with a GPT and one file system, and two disks of a logical volume. */
const disks: Record<string, Buffer> = {};

beforeAll(() => {
  const long = path.join(scratch.path, 'long');
  writeFileSync(long, content);
  const image = makeExtImage(path.join(scratch.path, 'image'), {
    size: '2M',
    features: '^has_journal',
    options: ['-b', '1024'],
    commands: ['mkdir logs', 'cd logs', `write ${long} long`],
  });
  const bytes = readFileSync(image);
  const first = Buffer.alloc(4 * mebibyte);
  writeGpt(first, [
    { first: 2048, last: 6143 },
    { first: 6144, last: 8100 },
  ]);
  bytes.copy(first, mebibyte);
  disks['vol-1'] = first;
  const text = groupText(
    volumeText('log', [
      { start: 20, count: 12, stripes: '"pv1", 3' },
      { start: 0, count: 20, stripes: '"pv0", 5' },
    ]),
    3,
    'vg0',
  );
  const [one, two] = physicalIds.map((id) => {
    const disk = Buffer.alloc(3 * mebibyte);
    writePhysicalVolume(disk, id, text);
    return disk;
  });
  if (one === undefined || two === undefined) return;
  bytes.copy(one, dataAt + 5 * extent, 0, 20 * extent);
  bytes.copy(two, dataAt + 3 * extent, 20 * extent);
  disks['vol-2'] = one;
  disks['vol-3'] = two;
});

async function check(...stretches: readonly VolumeStretch[]): Promise<ImageCheck> {
  const lost = new LostStretches(stretches);
  const volumes = Object.keys(disks).map((volume, index) => ({ volume, device: `/dev/sd${'abc'[index]}` }));
  const open = async ({ volume }: { readonly volume: string }) =>
    lost.markIn(volume, bytesSource(disks[volume] ?? Buffer.alloc(0)));
  return checkImage(
    (onNotice) => new PointImage(volumes as unknown as VolumeSnapshot[], open, undefined, { onNotice }),
    lost,
  );
}

/** The findings of a part, as one text each. */
function findingsOf({ parts }: ImageCheck, name: string): string[] {
  const part = parts.find((one) => one.path === name);
  if (part === undefined || !('check' in part)) return [JSON.stringify(part)];
  return part.check.findings.map(({ kind, path: where }) => `${kind} ${Buffer.from(where ?? []).toString()}`);
}

test('an image without damage has its parts walked through, and those named that are not read', async () => {
  const found = await check();

  expect(
    found.parts.map((part) => [part.path, 'check' in part ? part.check.files : Object.keys(part)[2]]),
  ).toEqual([
    ['/dev/sda1', 1],
    ['/dev/sda2', 'notSupported'],
    ['/dev/vg0/log', 1],
  ]);
  expect([findingsOf(found, '/dev/sda1'), findingsOf(found, '/dev/vg0/log')]).toEqual([[], []]);
  expect([found.notices, found.unused]).toEqual([[], []]);
});

test('a file on a lost stretch is named, in a partition and in a logical volume', async () => {
  const found = await check(
    { volume: 'vol-1', from: 1.5 * mebibyte, to: 2 * mebibyte },
    // The end of the file, on the second disk of the logical volume.
    { volume: 'vol-3', from: mebibyte, to: 1.5 * mebibyte },
  );

  expect(findingsOf(found, '/dev/sda1')).toEqual(['content-lost logs/long']);
  expect(findingsOf(found, '/dev/vg0/log')).toEqual(['content-lost logs/long']);
  expect(found.unused).toEqual([]);
});

test('stretches that nothing was found on are listed, and what begins on one hides nothing else', async () => {
  const begin = { volume: 'vol-1', from: 0, to: 512 * 1024 };
  const second = { volume: 'vol-1', from: 3 * mebibyte, to: 3.5 * mebibyte };

  const found = await check(begin, second);

  expect(findingsOf(found, '/dev/sda1')).toEqual([]);
  expect(found.notices.join()).toMatch(/first GPT header is damaged.*cannot be told what is on \/dev\/sda2/s);
  expect(found.parts.find((part) => part.path === '/dev/sda2')).toMatchObject({
    damaged: expect.stringContaining('bytes 3145728 to 3670016 of vol-1 are lost'),
  });
  expect(found.unused).toEqual([begin]);
});

test('a file system whose beginning is lost is damaged, if it has no copies', async () => {
  const found = await check({ volume: 'vol-1', from: mebibyte, to: 1.5 * mebibyte });

  expect(found.parts.find((part) => part.path === '/dev/sda1')).toMatchObject({
    damaged: expect.stringContaining('are lost'),
  });
  expect(findingsOf(found, '/dev/vg0/log')).toEqual([]);
  expect(found.unused).toEqual([]);
});
