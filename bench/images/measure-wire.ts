import { execFile, execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  CreateSnapshotCommand,
  CreateVolumeCommand,
  EC2Client,
  waitUntilSnapshotCompleted,
} from '@aws-sdk/client-ec2';
import { startEmulator } from '../../localstack/composition.ts';
import { VolumeBytes } from '../../localstack/volume-bytes.ts';
import type { WireCopy } from './copy-over-wire.ts';
import type { ProgramVolume } from './program-volume.ts';

const gibibyte = 2 ** 30;

/**
 * Has one worker read a volume of a GiB from the emulator, which works on the other processor if there are two.
 * @param volume - the source of its blocks, of as many as it has up to a GiB.
 */
export async function measureWire(volume: ProgramVolume, snapshot: string): Promise<WireCopy> {
  const hasTwo = availableParallelism() >= 2;
  if (hasTwo) execFileSync('taskset', ['-acp', '1', String(process.pid)]);
  const emulator = await startEmulator();
  const { endpointUrl: endpoint, region, credentials } = emulator;
  const ec2 = new EC2Client({ endpoint, region, credentials });
  try {
    const { VolumeId = '' } = await ec2.send(
      new CreateVolumeCommand({ AvailabilityZone: `${region}a`, Size: 1 }),
    );
    const bytes = new VolumeBytes(endpoint);
    for await (const { blocks, blockBytes } of volume.list(snapshot, 0))
      for (const { index, token = '' } of blocks) {
        if ((index + 1) * blockBytes > gibibyte) break;
        const block = await volume.read(snapshot, { index, token });
        await bytes.write(VolumeId, index * blockBytes, Uint8Array.from(block.bytes));
      }
    const { SnapshotId = '' } = await ec2.send(new CreateSnapshotCommand({ VolumeId }));
    await waitUntilSnapshotCompleted({ client: ec2, maxWaitTime: 60 }, { SnapshotIds: [SnapshotId] });
    const program = join(import.meta.dirname, 'copy-over-wire.ts');
    const command = hasTwo ? ['taskset', '-c', '0', process.execPath] : [process.execPath];
    const [file, ...args] = [...command, program, SnapshotId];
    const { stdout } = await promisify(execFile)(file, args, {
      env: { ...process.env, ...emulator.environment },
    });
    return JSON.parse(stdout) as WireCopy;
  } finally {
    ec2.destroy();
    await emulator.stop();
  }
}
