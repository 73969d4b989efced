import { createHash } from 'node:crypto';
import type { Reply } from '../reply.ts';
import { assertKey, getCompletedSnapshot, type EbsCall } from './ebs-call.ts';
import { invalid } from './ebs-error.ts';

/** @see https://docs.aws.amazon.com/ebs/latest/APIReference/API_GetSnapshotBlock.html */
export async function getSnapshotBlock(call: EbsCall): Promise<Reply> {
  const { snapshotId, kmsKeyId } = getCompletedSnapshot(call, call.parameters['snapshotid']);
  const index = Number(call.parameters['blockindex']);
  assertToken(call, snapshotId, index);
  assertKey(call, kmsKeyId);
  const body = await call.ec2.contents.readSnapshotBlock(snapshotId, index);
  return {
    status: 200,
    headers: {
      'content-type': 'application/octet-stream',
      'x-amz-data-length': String(body.length),
      'x-amz-checksum': createHash('sha256').update(body).digest('base64'),
      'x-amz-checksum-algorithm': 'SHA256',
    },
    body,
  };
}

function assertToken({ ec2, tokens, parameters }: EbsCall, snapshotId: string, index: number): void {
  const [type, of, at, expiresAt] = tokens.open(parameters['blocktoken'] ?? '') ?? [];
  if (type !== 'block' || of !== snapshotId || Number(at) !== index)
    throw invalid('INVALID_BLOCK_TOKEN', `The block token is not of block ${index} of ${snapshotId}.`);
  if (ec2.now.getTime() >= Number(expiresAt))
    throw invalid('INVALID_BLOCK_TOKEN', 'The block token has expired.');
}
