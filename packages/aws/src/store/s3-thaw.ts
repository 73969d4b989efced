import { RestoreObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { ThawState } from '@holdfast/engine';
import type { ThawSpeed } from '@holdfast/engine/model';
import { toStoreError } from './s3-errors.ts';
import type { OwnedBucket } from './s3-listing.ts';
import { errorName } from '../sdk/sdk-errors.ts';

const archiveClasses: ReadonlySet<string> = new Set(['GLACIER', 'DEEP_ARCHIVE']);
const tiers = { expedited: 'Expedited', standard: 'Standard', bulk: 'Bulk' } as const;

/** Answers of S3 to a thaw that is under way already, or was never needed. */
const needless: ReadonlySet<string> = new Set([
  'InvalidObjectState',
  'ObjectAlreadyInActiveTierError',
  'RestoreAlreadyInProgress',
]);

export interface ArchiveHeaders {
  readonly StorageClass?: string | undefined;
  /** Only for Intelligent-Tiering, while the object is in one of its archive tiers. */
  readonly ArchiveStatus?: string | undefined;
  /** `ongoing-request="true"`, or `"false"` and the day on which the copy goes away. */
  readonly Restore?: string | undefined;
}

/** @returns `undefined` for an object that can always be read. */
export function thawStateOf({
  StorageClass,
  ArchiveStatus,
  Restore = '',
}: ArchiveHeaders): ThawState | undefined {
  if (!archiveClasses.has(StorageClass ?? '') && ArchiveStatus === undefined) return undefined;
  if (Restore.includes('ongoing-request="true"')) return { state: 'thawing' };
  const until = new Date(/expiry-date="([^"]+)"/.exec(Restore)?.[1] ?? Number.NaN);
  return Number.isNaN(until.getTime()) ? { state: 'frozen' } : { state: 'thawed', until };
}

/** Asks for a frozen version to be made readable; succeeds for one that thaws already, or needs no thawing. */
export async function requestThaw(
  s3: S3Client,
  bucket: OwnedBucket,
  version: { readonly name: string; readonly versionId: string; readonly tiered: boolean },
  options: { readonly days: number; readonly speed: ThawSpeed; readonly signal?: AbortSignal },
): Promise<void> {
  const command = new RestoreObjectCommand({
    ...bucket,
    Key: version.name,
    VersionId: version.versionId,
    RestoreRequest: {
      // An object of Intelligent-Tiering moves back for good, so S3 refuses days.
      ...(version.tiered ? {} : { Days: options.days }),
      GlacierJobParameters: { Tier: tiers[options.speed] },
    },
  });
  try {
    await s3.send(command, { abortSignal: options.signal });
  } catch (error) {
    if (needless.has(errorName(error))) return;
    const what = `thawing ${version.name} (${options.speed}, ${options.days} days)`;
    throw toStoreError(error, version.name, version.versionId, what);
  }
}
