import {
  CreateSnapshotCommand,
  CreateVolumeCommand,
  DeleteSnapshotCommand,
  waitUntilSnapshotCompleted,
} from '@aws-sdk/client-ec2';
import { SystemClock, SystemRandom } from '@holdfast/aws';
import { EbsBlockSource, makeEbsClients } from '@holdfast/aws/ebs';
import { blockSourceContract } from '@holdfast/engine/testing';
import { afterAll } from 'vitest';
import { VolumeBytes } from '../../localstack/volume-bytes.ts';
import { connect } from './support/emulated-aws.ts';
import { patienceMs } from '../support/patience.ts';

const blockBytes = 524_288;
const blocksOfGibibyte = 2_048;

const { ec2 } = connect();
const { ebs } = makeEbsClients();
afterAll(() => ebs.destroy());
const volumes = new VolumeBytes(process.env['AWS_ENDPOINT_URL'] ?? '');

blockSourceContract({
  name: 'the EBS direct APIs',
  volumeBlocks: blocksOfGibibyte,
  make: async () => ({
    source: new EbsBlockSource(ebs, new SystemClock(), new SystemRandom()),
    blockBytes,
    makeVolume: async (blocks) => {
      const command = new CreateVolumeCommand({
        AvailabilityZone: 'us-east-1a',
        Size: blocks / blocksOfGibibyte,
        VolumeType: 'gp3',
      });
      return (await ec2.send(command)).VolumeId ?? '';
    },
    write: async (volume, index, bytes) =>
      volumes.write(volume, index * blockBytes, bytes as Uint8Array<ArrayBuffer>),
    trim: async (volume, index) => volumes.trim(volume, index * blockBytes, blockBytes),
    takeSnapshot: async (VolumeId) => {
      const { SnapshotId = '' } = await ec2.send(new CreateSnapshotCommand({ VolumeId }));
      const wait = { client: ec2, maxWaitTime: patienceMs / 1000, minDelay: 1, maxDelay: 1 };
      await waitUntilSnapshotCompleted(wait, { SnapshotIds: [SnapshotId] });
      return SnapshotId;
    },
    removeSnapshot: async (SnapshotId) => {
      await ec2.send(new DeleteSnapshotCommand({ SnapshotId }));
    },
  }),
});
