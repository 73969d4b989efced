import { DeleteSnapshotCommand, DescribeSnapshotsCommand } from '@aws-sdk/client-ec2';
import { SystemClock, SystemRandom } from '@holdfast/aws';
import { EbsBlockSource, EbsSnapshotWriter, makeEbsClients } from '@holdfast/aws/ebs';
import { snapshotWriterContract } from '@holdfast/engine/testing';
import { afterAll } from 'vitest';
import { connect } from './support/emulated-aws.ts';

const { ec2 } = connect();
const { ebs } = makeEbsClients();
afterAll(() => ebs.destroy());

const clock = new SystemClock();
const source = new EbsBlockSource(ebs, clock, new SystemRandom());

async function blocksOf(snapshot: string): Promise<ReadonlyMap<number, Uint8Array> | undefined> {
  const { Snapshots = [] } = await ec2.send(new DescribeSnapshotsCommand({ SnapshotIds: [snapshot] }));
  if (Snapshots[0]?.State !== 'completed') return undefined;
  const blocks = new Map<number, Uint8Array>();
  for await (const page of source.list(snapshot, 0)) {
    for (const { index, token = '' } of page.blocks) {
      const content = await source.read(snapshot, { index, token });
      if (content !== 'expired' && content.bytes.some((byte) => byte !== 0)) blocks.set(index, content.bytes);
    }
  }
  return blocks;
}

snapshotWriterContract({
  name: 'the EBS direct APIs',
  make: async () =>
    Promise.resolve({
      // A snapshot of the emulator shows at once.
      writer: new EbsSnapshotWriter(ebs, clock, new SystemRandom(), 0),
      blockBytes: 512 * 1024,
      blocksOf,
      remove: async (SnapshotId) => void (await ec2.send(new DeleteSnapshotCommand({ SnapshotId }))),
    }),
});
