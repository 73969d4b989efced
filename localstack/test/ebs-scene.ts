import {
  GetSnapshotBlockCommand,
  ListChangedBlocksCommand,
  ListSnapshotBlocksCommand,
  PutSnapshotBlockCommand,
  StartSnapshotCommand,
  type StartSnapshotCommandInput,
} from '@aws-sdk/client-ebs';
import { CreateSnapshotCommand, CreateVolumeCommand, DescribeSnapshotsCommand } from '@aws-sdk/client-ec2';
import { createHash } from 'node:crypto';
import { VolumeBytes } from '../volume-bytes.ts';
import { startFixture } from './gateway-fixture.ts';

export const blockBytes = 2 ** 19;

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}

/** A block that is told from others by its first bytes. */
export function blockOf(text: string): Buffer<ArrayBuffer> {
  const block = Buffer.alloc(blockBytes);
  block.write(text);
  return block;
}

/** A gateway with volumes whose blocks are written as by a guest, and calls of the SDK on their snapshots. */
export async function startScene() {
  const { url, ec2, ebs, now, advance, configure, configureEbs } = await startFixture();
  const bytes = new VolumeBytes(url);
  const listChanged = (FirstSnapshotId: string, SecondSnapshotId: string, query: object = {}) =>
    ebs.send(new ListChangedBlocksCommand({ FirstSnapshotId, SecondSnapshotId, ...query }));
  const list = (SnapshotId: string, query: object = {}) =>
    ebs.send(new ListSnapshotBlocksCommand({ SnapshotId, ...query }));
  return {
    url,
    ec2,
    ebs,
    now,
    advance,
    configure,
    configureEbs,
    bytes,
    list,
    listChanged,
    createVolume: async (SnapshotId?: string, Size?: number) => {
      const size = Size ?? (SnapshotId === undefined ? 1 : undefined);
      const order = new CreateVolumeCommand({ AvailabilityZone: 'us-east-1a', Size: size, SnapshotId });
      return (await ec2.send(order)).VolumeId!;
    },
    snapshot: async (VolumeId: string) =>
      (await ec2.send(new CreateSnapshotCommand({ VolumeId }))).SnapshotId!,
    describe: async (SnapshotId: string) =>
      (await ec2.send(new DescribeSnapshotsCommand({ SnapshotIds: [SnapshotId] }))).Snapshots![0]!,
    /** Writes the beginning of a block. */
    writeBlock: (volumeId: string, index: number, text: string) =>
      bytes.write(volumeId, index * blockBytes, blockOf(text).subarray(0, 64)),
    /** Writes into a number of blocks, two at a time, over the border between them. */
    writeBlocks: async (volumeId: string, from: number, count: number) => {
      for (let index = from + 1; index < from + count; index += 2)
        await bytes.write(volumeId, index * blockBytes - 1, '..');
    },
    /** Which blocks changed, and of which snapshots there is a token for each. */
    changes: async (first: string, second: string) =>
      ((await listChanged(first, second)).ChangedBlocks ?? []).map(
        ({ BlockIndex, FirstBlockToken, SecondBlockToken }) => [
          BlockIndex,
          FirstBlockToken !== undefined,
          SecondBlockToken !== undefined,
        ],
      ),
    get: (SnapshotId: string, BlockIndex: number, BlockToken: string) =>
      ebs.send(new GetSnapshotBlockCommand({ SnapshotId, BlockIndex, BlockToken })),
    start: async (input: Partial<StartSnapshotCommandInput> = {}) =>
      (await ebs.send(new StartSnapshotCommand({ VolumeSize: 1, ...input }))).SnapshotId!,
    put: (SnapshotId: string, BlockIndex: number, BlockData: Uint8Array, more: object = {}) =>
      ebs.send(
        new PutSnapshotBlockCommand({
          SnapshotId,
          BlockIndex,
          BlockData,
          DataLength: BlockData.length,
          Checksum: sha256(BlockData),
          ChecksumAlgorithm: 'SHA256',
          ...more,
        }),
      ),
  };
}
