import {
  CompleteSnapshotCommand,
  type EBSClient,
  PutSnapshotBlockCommand,
  StartSnapshotCommand,
} from '@aws-sdk/client-ebs';
import {
  type BlockToWrite,
  type Clock,
  type RandomBytes,
  type SnapshotOrder,
  type SnapshotWriter,
  StoreUnavailableError,
  TargetUnavailableError,
  type WrittenBlocks,
} from '@holdfast/engine';
import { safety } from '@holdfast/engine/model';
import { backOff } from '../sdk/backoff.ts';
import { errorName, isCredentialFailure, isDenied, isThrottled, toEngineError } from '../sdk/sdk-errors.ts';
import { isKeyRefusal, reasonOf } from './ebs-errors.ts';

/** The longest that AWS takes: a snapshot that nobody writes for so long fails. */
const timeoutMinutes = 4_320;

/** Times that a block may come to EBS without its end before the call is given up. */
const cutShortAttempts = 5;

/** Reasons by which no more snapshots may be pending: 100 of those that are written are the most. */
const busyReasons: ReadonlySet<string> = new Set([
  'DEPENDENCY_SERVICE_QUOTA_EXCEEDED',
  'PENDING_SNAPSHOT_LIMIT_EXCEEDED',
]);

/**
 * Snapshots that are written with the EBS direct APIs.
 * @see https://docs.aws.amazon.com/ebs/latest/userguide/writesnapshots.html
 */
export class EbsSnapshotWriter implements SnapshotWriter {
  readonly #ebs: EBSClient;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  /** Snapshots that have taken a block: they are there for every call. */
  readonly #seen = new Set<string>();

  readonly #visibleMs: number;

  /** @param visibleMs - for so long a snapshot that does not show may be a new one. */
  constructor(
    ebs: EBSClient,
    clock: Clock,
    random: RandomBytes,
    visibleMs: number = safety.ec2VisibleMinutes * 60_000,
  ) {
    this.#ebs = ebs;
    this.#clock = clock;
    this.#random = random;
    this.#visibleMs = visibleMs;
  }

  async start(order: SnapshotOrder, signal?: AbortSignal): Promise<{ readonly snapshot: string } | 'busy'> {
    const { sizeGiB, clientToken, parent, encryption, description, tags } = order;
    const what = `starting a snapshot of ${sizeGiB} GiB${parent === undefined ? '' : ` with the parent ${parent}`}`;
    const command = new StartSnapshotCommand({
      VolumeSize: sizeGiB,
      ClientToken: clientToken,
      Description: description,
      Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
      Timeout: timeoutMinutes,
      // A child has its parent's encryption, and a request may not say it again.
      ...(parent === undefined
        ? { Encrypted: encryption && true, KmsKeyArn: encryption?.keyArn }
        : { ParentSnapshotId: parent }),
    });
    try {
      const { SnapshotId } = await this.#ebs.send(command, { abortSignal: signal });
      if (SnapshotId === undefined)
        throw new StoreUnavailableError(`${what} was answered without an id; repeat it`);
      return { snapshot: SnapshotId };
    } catch (error) {
      if (errorName(error) === 'ServiceQuotaExceededException' || busyReasons.has(reasonOf(error)))
        return 'busy';
      throw toWriteError(error, what);
    }
  }

  async write(snapshot: string, { index, bytes, sha256 }: BlockToWrite, signal?: AbortSignal): Promise<void> {
    const what = `writing block ${index} of snapshot ${snapshot}`;
    const input = {
      SnapshotId: snapshot,
      BlockIndex: index,
      BlockData: bytes,
      DataLength: bytes.length,
      Checksum: Buffer.from(sha256).toString('base64'),
      ChecksumAlgorithm: 'SHA256',
    } as const;
    await this.#onceVisible(snapshot, what, signal, async () =>
      this.#ebs.send(new PutSnapshotBlockCommand(input), { abortSignal: signal }),
    );
    this.#seen.add(snapshot);
  }

  async complete(
    snapshot: string,
    { blocks, sha256 }: WrittenBlocks,
    signal?: AbortSignal,
  ): Promise<'sealed' | 'sealed-already'> {
    const what = `completing snapshot ${snapshot}`;
    // The digest of the digests' bytes; of no blocks there is none to check.
    const checksum = {
      Checksum: Buffer.from(sha256).toString('base64'),
      ChecksumAlgorithm: 'SHA256',
      ChecksumAggregationMethod: 'LINEAR',
    } as const;
    const command = new CompleteSnapshotCommand({
      SnapshotId: snapshot,
      ChangedBlocksCount: blocks,
      ...(blocks > 0 && checksum),
    });
    try {
      await this.#onceVisible(snapshot, what, signal, async () =>
        this.#ebs.send(command, { abortSignal: signal }),
      );
      return 'sealed';
    } catch (error) {
      if (error instanceof TargetUnavailableError && takesNothing(error.cause)) return 'sealed-already';
      throw error;
    }
  }

  /**
   * Repeats a call while a snapshot that was just begun does not show, as reads of EBS lag behind its writes, and one
   * whose block did not come to EBS whole.
   */
  async #onceVisible(
    snapshot: string,
    what: string,
    signal: AbortSignal | undefined,
    call: () => Promise<unknown>,
  ): Promise<void> {
    const until = this.#clock.now().getTime() + this.#visibleMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await call();
        return;
      } catch (error) {
        const mayCome =
          errorName(error) === 'ResourceNotFoundException' &&
          !this.#seen.has(snapshot) &&
          this.#clock.now().getTime() < until;
        const mayRepeat = mayCome || (isCutShort(error) && attempt < cutShortAttempts);
        if (!mayRepeat) throw toWriteError(error, what);
      }
      await backOff(attempt, this.#clock, this.#random, signal);
    }
  }
}

/**
 * EBS did not get all of a block, as over a connection that falters: documented is the reason alone, which other
 * refusals of a request have, too.
 * @see https://github.com/nanovms/ops/pull/1268
 */
function isCutShort(error: unknown): boolean {
  const message = error instanceof Error ? error.message : '';
  return reasonOf(error) === 'INVALID_PARAMETER_VALUE' && /failed to read block data/i.test(message);
}

/** A snapshot that was sealed, or has failed, takes nothing any more. */
function takesNothing(error: unknown): boolean {
  return reasonOf(error) === 'INVALID_SNAPSHOT_ID' || errorName(error) === 'ConflictException';
}

function toWriteError(error: unknown, what: string): unknown {
  if (error instanceof StoreUnavailableError) return error;
  const reason = reasonOf(error);
  const message = error instanceof Error ? error.message : '';
  const cause = { cause: error };
  if (isKeyRefusal(error)) {
    return new TargetUnavailableError(
      `${what} needs a KMS key that may not be used (${reason}: ${message}); list the key of the volume, or the region's ` +
        'default key for EBS, under restoreTargets.keys in the plans file, deploy, and check its policy',
      cause,
    );
  }
  if (isCutShort(error))
    return new StoreUnavailableError(`${what} was cut short (${message}); try again later`, cause);
  if (isThrottled(error))
    return new StoreUnavailableError(`${what} is throttled (${reason}: ${message}); try again later`, cause);
  const name = errorName(error);
  if (
    name === 'ResourceNotFoundException' ||
    name === 'ValidationException' ||
    name === 'ConflictException'
  ) {
    return new TargetUnavailableError(
      `${what} was refused (${reason === '' ? name : reason}: ${message}); restore again`,
      cause,
    );
  }
  if (isDenied(error) && !isCredentialFailure(error)) {
    return new TargetUnavailableError(
      `${what} was refused (${message}); deploy the pipeline again, and look for policies that deny the EBS direct APIs`,
      cause,
    );
  }
  return toEngineError(error, what);
}
