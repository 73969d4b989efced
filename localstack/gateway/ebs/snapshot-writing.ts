import { createHash, randomUUID } from 'node:crypto';
import * as z from 'zod';
import { blockBytes } from '../ec2/block-files.ts';
import { snapshotState } from '../ec2/lookup.ts';
import { later, newResourceId, type Snapshot, type SnapshotWriting } from '../ec2/region.ts';
import { isSetToFail, mayBePending } from '../ec2/snapshots.ts';
import { putTags } from '../ec2/tags.ts';
import { jsonReply, type Reply } from '../reply.ts';
import { assertKey, getCompletedSnapshot, getSnapshot, parsed, type EbsCall } from './ebs-call.ts';
import { EbsError, invalid } from './ebs-error.ts';

const largestVolumeGiB = 65_536;
const blocksInGiB = 2 ** 30 / blockBytes;
const mostTags = 50;
/** Name that EC2 gives to the volume of a snapshot that was made of none. */
const noVolumeId = 'vol-ffffffff';

const StartInput = z.object({
  VolumeSize: z.int(),
  ParentSnapshotId: z.string().optional(),
  Tags: z
    .array(z.object({ Key: z.string().min(1).max(127), Value: z.string().max(255).default('') }))
    .default([]),
  Description: z.string().max(255).optional(),
  ClientToken: z.string().max(255).regex(/^\S+$/).optional(),
  Encrypted: z.boolean().optional(),
  KmsKeyArn: z
    .string()
    .regex(/^arn:aws[a-z-]*:kms:.*:\d{12}:key\/.*$/)
    .optional(),
  Timeout: z.int().min(10).max(4320).default(60),
});
type StartInput = z.infer<typeof StartInput>;

/** @see https://docs.aws.amazon.com/ebs/latest/APIReference/API_StartSnapshot.html */
export async function startSnapshot(call: EbsCall): Promise<Reply> {
  const input = parsed(StartInput, JSON.parse(Buffer.from(call.body).toString('utf8') || '{}'));
  const { region, contents, now } = call.ec2;
  const token = input.ClientToken && `StartSnapshot:${input.ClientToken}`;
  const request = JSON.stringify(input);
  const earlier = token ? region.clientTokens.get(token) : undefined;
  if (earlier) return repeated(call, earlier, request);
  const parent = input.ParentSnapshotId ? getCompletedSnapshot(call, input.ParentSnapshotId) : undefined;
  assertSize(input.VolumeSize, parent);
  const encryption = encryptionOf(call, input, parent);
  assertKey(call, encryption.kmsKeyId);
  assertTags(input);
  if (!mayBePending(call.ec2, 1)) {
    const message = 'The account has too many pending snapshots.';
    throw new EbsError(402, 'ServiceQuotaExceededException', message, 'DEPENDENCY_SERVICE_QUOTA_EXCEEDED');
  }
  const snapshot: Snapshot = {
    snapshotId: newResourceId('snap'),
    sequence: region.nextSequence(),
    createdAt: now,
    pendingSince: now,
    completesAt: now,
    volumeId: noVolumeId,
    volumeSizeGiB: input.VolumeSize,
    description: input.Description ?? '',
    ...encryption,
    lineage: parent?.lineage ?? randomUUID(),
    fails: false,
    writing: {
      parentId: parent?.snapshotId,
      timeoutMs: input.Timeout * call.settings.timeoutMinuteMs,
      checksums: new Map(),
      usedAt: now,
      progressPercent: 0,
    },
  };
  if (token) region.clientTokens.set(token, { request, madeId: snapshot.snapshotId });
  region.snapshots.set(snapshot.snapshotId, snapshot);
  putTags(
    call.ec2,
    snapshot.snapshotId,
    Object.fromEntries(input.Tags.map(({ Key, Value }) => [Key, Value])),
  );
  await contents.startSnapshot(snapshot.snapshotId, input.VolumeSize, parent?.snapshotId);
  return started(call, snapshot);
}

function repeated(
  call: EbsCall,
  earlier: { readonly request: string; readonly madeId: string },
  request: string,
): Reply {
  if (earlier.request === request) return started(call, getSnapshot(call, earlier.madeId));
  throw new EbsError(409, 'ConflictException', 'The client token was used with other parameters.');
}

function started({ ec2 }: EbsCall, snapshot: Snapshot): Reply {
  return jsonReply(201, {
    SnapshotId: snapshot.snapshotId,
    OwnerId: ec2.region.accountId,
    Status: snapshotState(ec2, snapshot),
    StartTime: snapshot.createdAt.getTime() / 1000,
    VolumeSize: snapshot.volumeSizeGiB,
    BlockSize: blockBytes,
    Description: snapshot.description || undefined,
    ParentSnapshotId: snapshot.writing?.parentId,
    KmsKeyArn: snapshot.kmsKeyId,
    Tags: Object.entries(ec2.region.tags.get(snapshot.snapshotId)).map(([Key, Value]) => ({ Key, Value })),
  });
}

function assertSize(sizeGiB: number, parent: Snapshot | undefined): void {
  const least = parent?.volumeSizeGiB ?? 1;
  if (sizeGiB < least || sizeGiB > largestVolumeGiB)
    throw invalid(
      'INVALID_VOLUME_SIZE',
      `A volume size of ${sizeGiB} is not from ${least} to ${largestVolumeGiB}.`,
    );
}

/**
 * A child has the key of its parent, and a request may not say anything else; encryption by default is not modelled.
 * @see https://docs.aws.amazon.com/ebs/latest/userguide/ebsapis-using-encryption.html
 */
function encryptionOf(
  { ec2 }: EbsCall,
  { Encrypted, KmsKeyArn }: StartInput,
  parent: Snapshot | undefined,
): Pick<Snapshot, 'encrypted' | 'kmsKeyId'> {
  if (parent) {
    if (Encrypted !== undefined || KmsKeyArn !== undefined)
      throw invalid(
        'INVALID_PARAMETER_VALUE',
        'Encrypted and KmsKeyArn are not possible with ParentSnapshotId.',
      );
    return { encrypted: parent.encrypted, kmsKeyId: parent.kmsKeyId };
  }
  if (Encrypted === false && KmsKeyArn !== undefined)
    throw invalid('INVALID_PARAMETER_VALUE', 'KmsKeyArn is not possible without encryption.');
  if (KmsKeyArn !== undefined) return { encrypted: true, kmsKeyId: KmsKeyArn };
  if (!Encrypted) return { encrypted: false };
  const { name, accountId } = ec2.region;
  return { encrypted: true, kmsKeyId: `arn:aws:kms:${name}:${accountId}:key/aws-ebs` };
}

function assertTags({ Tags }: StartInput): void {
  if (Tags.length > mostTags) throw invalid('INVALID_TAG', `There are more than ${mostTags} tags.`);
  const reserved = Tags.find(({ Key }) => Key.startsWith('aws:'));
  if (reserved) throw invalid('INVALID_TAG', `The tag key '${reserved.Key}' is reserved.`);
}

const PutParameters = z.object({
  blockindex: z.coerce.number().int().min(0),
  'x-amz-data-length': z.literal(String(blockBytes)),
  'x-amz-checksum': z.string(),
  'x-amz-checksum-algorithm': z.literal('SHA256'),
  'x-amz-progress': z.coerce.number().int().min(0).max(100).optional(),
});

/** @see https://docs.aws.amazon.com/ebs/latest/APIReference/API_PutSnapshotBlock.html */
export function putSnapshotBlock(call: EbsCall): Reply {
  const snapshot = getSnapshot(call, call.parameters['snapshotid']);
  const writing = getWriting(call, snapshot);
  assertKey(call, snapshot.kmsKeyId);
  const parameters = parsed(PutParameters, call.parameters);
  const index = parameters.blockindex;
  if (index >= snapshot.volumeSizeGiB * blocksInGiB)
    throw invalid(
      'INVALID_BLOCK',
      `Block ${index} is beyond the end of a volume of ${snapshot.volumeSizeGiB} GiB.`,
    );
  if (call.body.length !== blockBytes)
    throw invalid('INVALID_PARAMETER_VALUE', `The block has ${call.body.length} bytes, not ${blockBytes}.`);
  const digest = createHash('sha256').update(call.body).digest();
  if (digest.toString('base64') !== parameters['x-amz-checksum'])
    throw invalid('INVALID_PARAMETER_VALUE', 'The checksum is not that of the block.');
  call.ec2.contents.writeSnapshotBlock(snapshot.snapshotId, index, call.body);
  writing.checksums.set(index, digest);
  writing.usedAt = call.ec2.now;
  writing.progressPercent = parameters['x-amz-progress'] ?? writing.progressPercent;
  const headers = { 'x-amz-checksum': digest.toString('base64'), 'x-amz-checksum-algorithm': 'SHA256' };
  return { status: 201, headers: { ...headers, 'content-type': 'application/json' }, body: '{}' };
}

const CompleteParameters = z.object({
  'x-amz-changedblockscount': z.coerce.number().int().min(0),
  'x-amz-checksum': z.string().optional(),
  'x-amz-checksum-algorithm': z.literal('SHA256').optional(),
  'x-amz-checksum-aggregation-method': z.literal('LINEAR').optional(),
});

/** @see https://docs.aws.amazon.com/ebs/latest/APIReference/API_CompleteSnapshot.html */
export function completeSnapshot(call: EbsCall): Reply {
  const snapshot = getSnapshot(call, call.parameters['snapshotid']);
  const { checksums } = getWriting(call, snapshot);
  const parameters = parsed(CompleteParameters, call.parameters);
  const count = parameters['x-amz-changedblockscount'];
  if (count !== checksums.size)
    throw invalid('INVALID_PARAMETER_VALUE', `${checksums.size} blocks were written, not ${count}.`);
  const checksum = parameters['x-amz-checksum'];
  if (checksum !== undefined && checksum !== linearChecksum(checksums))
    throw invalid('INVALID_PARAMETER_VALUE', 'The checksum is not that of the blocks that were written.');
  const { now, settings, region } = call.ec2;
  const sealed: Snapshot = {
    ...snapshot,
    pendingSince: now,
    completesAt: later(now, settings.snapshotMs),
    fails: isSetToFail(call.ec2, snapshot.volumeId),
    writing: undefined,
  };
  region.snapshots.set(snapshot.snapshotId, sealed);
  return jsonReply(202, { Status: snapshotState(call.ec2, sealed) });
}

/**
 * Digest of the blocks' digests, in the order of their indexes; of their bytes, not of their letters.
 * @see https://github.com/awslabs/coldsnap/blob/develop/src/upload.rs
 */
function linearChecksum(checksums: ReadonlyMap<number, Uint8Array>): string {
  const hash = createHash('sha256');
  for (const index of [...checksums.keys()].toSorted((one, other) => one - other))
    hash.update(checksums.get(index)!);
  return hash.digest('base64');
}

/** @throws {@link EbsError} `ValidationException` for a snapshot that nothing can be written into (any more). */
function getWriting({ ec2 }: EbsCall, snapshot: Snapshot): SnapshotWriting {
  if (snapshot.writing && snapshotState(ec2, snapshot) === 'pending') return snapshot.writing;
  throw invalid('INVALID_SNAPSHOT_ID', `The snapshot '${snapshot.snapshotId}' takes no blocks (any more).`);
}
