import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CreateSnapshotCommand, CreateVolumeCommand, waitUntilSnapshotCompleted } from '@aws-sdk/client-ec2';
import { SystemClock, SystemRandom } from '@holdfast/aws';
import { EbsBlockSource, makeEbsClients } from '@holdfast/aws/ebs';
import { debugfs, makeExtImage, makeScratch } from '@holdfast/disk/testing';
import { PacedBlockSource, Pacer, type PointReader } from '@holdfast/engine';
import { blockRates } from '@holdfast/engine/model';
import { MemorySharedRecords } from '@holdfast/engine/testing';
import { type ChangedVolume, diffImages, openPointImage } from '@holdfast/image-files';
import { afterAll, expect, test } from 'vitest';
import { VolumeBytes } from '../../localstack/volume-bytes.ts';
import { connect } from './support/emulated-aws.ts';
import { patienceMs } from '../support/patience.ts';

const { ec2 } = connect();
const { ebs } = makeEbsClients();
const scratch = makeScratch();
afterAll(() => {
  ebs.destroy();
  scratch.remove();
});

async function makeVolume(): Promise<string> {
  const { VolumeId = '' } = await ec2.send(
    new CreateVolumeCommand({ AvailabilityZone: 'us-east-1a', Size: 1, VolumeType: 'gp3' }),
  );
  return VolumeId;
}

async function snapshotOf(VolumeId: string, image: Buffer<ArrayBuffer>): Promise<string> {
  await new VolumeBytes(process.env['AWS_ENDPOINT_URL'] ?? '').write(VolumeId, 0, image);
  const { SnapshotId = '' } = await ec2.send(new CreateSnapshotCommand({ VolumeId }));
  const wait = { client: ec2, maxWaitTime: patienceMs / 1000, minDelay: 1, maxDelay: 1 };
  await waitUntilSnapshotCompleted(wait, { SnapshotIds: [SnapshotId] });
  return SnapshotId;
}

test('files are read out of snapshots in EBS by the blocks that they take, each in its turn, and compared', async () => {
  const tree = path.join(scratch.path, 'tree');
  mkdirSync(path.join(tree, 'etc'), { recursive: true });
  const long = Buffer.alloc(3_000_000, 'a line of a long file\n');
  writeFileSync(path.join(tree, 'etc', 'fstab'), 'LABEL=root / ext4 defaults 0 1\n');
  writeFileSync(path.join(tree, 'etc', 'long'), long);
  const file = makeExtImage(path.join(scratch.path, 'image'), { size: '32M', tree, options: ['-L', 'root'] });
  const volumeId = await makeVolume();
  const snapshot = await snapshotOf(volumeId, readFileSync(file));
  debugfs(file, ['set_inode_field /etc/long mode 0100600']);
  const later = await snapshotOf(volumeId, readFileSync(file));
  const [clock, random, shared] = [new SystemClock(), new SystemRandom(), new MemorySharedRecords()];
  const pacer = new Pacer({ shared, clock, random }, 'read-block', blockRates('us-east-1'));
  const source = new PacedBlockSource(new EbsBlockSource(ebs, clock, random), pacer);
  const volume = { volume: 'vol-0a1', snapshot, device: '/dev/xvda' };

  const openSnapshots = async () => Promise.resolve(source);
  // Of a point without blocks in the vault, the root is all that there is.
  const pointOf = (sourceTime: string, id: string) =>
    ({
      root: { sourceTime, image: { snapshots: [{ ...volume, snapshot: id }] } },
      keys: { chunkId: (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex') },
    }) as unknown as PointReader;
  const [before, after] = [pointOf('2026-03-01', snapshot), pointOf('2026-03-02', later)];
  const image = openPointImage(before, { openSnapshots });
  const place = await image.getPlace('/etc/long');
  const pieces = place.kind === 'node' ? await Array.fromAsync(place.node.read()) : [];

  const volumes: ChangedVolume[] = [];
  const onVolumes = async (changed: readonly ChangedVolume[]) => void volumes.push(...changed);
  const differences = await Array.fromAsync(diffImages(before, after, { openSnapshots, onVolumes }));

  expect(differences.map(({ path: name, change }) => `${change} ${Buffer.from(name).toString()}`)).toEqual([
    'metadata /etc/long',
  ]);
  // The image was written again as a whole.
  expect(volumes).toMatchObject([{ volume: volume.volume, blocks: expect.any(Number) }]);
  expect(Buffer.concat(pieces).equals(long)).toBe(true);
  expect(await shared.find('read-block')).toHaveProperty(['record', 'snapshots', snapshot]);
});
