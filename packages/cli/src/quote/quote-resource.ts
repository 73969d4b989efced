import {
  type ChunkIndex,
  type CopyPrice,
  estimateSource,
  type FileSource,
  type ImageMonthPrice,
  isOfKind,
  type MonthPrice,
  openVault,
  priceFirstCopy,
  priceMonths,
  priceImage,
  type ReportProgress,
  type ResourceRow,
  type SampleLimits,
  type SourceEstimate,
  type VaultKeys,
} from '@holdfast/engine';
import { isImageKind, type Plan } from '@holdfast/engine/model';
import type { Connection } from '../deployment/connection.ts';

export interface QuoteRequest {
  readonly resource: Pick<ResourceRow, 'arn' | 'kind'>;
  readonly plan: Plan;
  readonly changedPerDay: number;
  readonly limits: SampleLimits;
  /** @default what the connection opens */
  readonly source?: FileSource;
  /** The vault's chunks; `undefined` where it cannot be asked. */
  readonly stored: StoredChunks | undefined;
  readonly now: Date;
  readonly onProgress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface StoredChunks {
  readonly keys: VaultKeys;
  readonly index: ChunkIndex;
}

/** Bytes and dollars of a resource: estimated from its files, or the upper bound of an image's blocks. */
export interface ResourceQuote {
  readonly resource: QuoteRequest['resource'];
  readonly plan: string;
  readonly changedPerDay: number;
  readonly months: readonly (ImageMonthPrice & Partial<MonthPrice>)[];
  readonly files?: { readonly estimate: SourceEstimate; readonly firstCopy: CopyPrice };
  readonly image?: {
    readonly volumes: number;
    readonly bytes: number;
    readonly inUse: number;
    readonly inVault: boolean;
  };
}

/**
 * Quotes one resource. Lists it and reads a sample; writes nothing.
 * @throws {@link SourceUnavailableError} it cannot be listed with the caller's rights.
 */
export async function quoteResource(
  { services, sources }: Connection,
  request: QuoteRequest,
): Promise<ResourceQuote> {
  const { resource, plan, changedPerDay, now, signal } = request;
  const quote = { resource, plan: plan.name, changedPerDay };
  const { kind } = resource;
  if (isImageKind(kind)) {
    const volumes = await sources.listVolumes(resource, signal);
    const used = await sources.findUsedBytes(
      volumes.map(({ volumeId }) => volumeId),
      signal,
    );
    const bytes = volumes.reduce((sum, { sizeGiB }) => sum + sizeGiB * 2 ** 30, 0);
    const inUse = volumes.reduce(
      (sum, { volumeId, sizeGiB }) => sum + (used.get(volumeId) ?? sizeGiB * 2 ** 30),
      0,
    );
    const months = priceImage(inUse, { plan, kind, now, changedPerDay });
    const inVault = plan.images.blocks === 'vault';
    return { ...quote, months, image: { volumes: volumes.length, bytes, inUse, inVault } };
  }
  const { source = sources.openFiles(resource, plan), stored, limits, onProgress } = request;
  const { random } = services;
  const { compression } = plan;
  const estimate = await estimateSource({ source, stored, limits, random, compression, onProgress, signal });
  const months = priceMonths(estimate, { plan, kind, now, changedPerDay });
  return { ...quote, months, files: { estimate, firstCopy: priceFirstCopy(estimate) } };
}

/** Opens the vault's index for questions; a text says why it cannot be asked. */
export async function openStoredChunks(connection: Connection): Promise<StoredChunks | string> {
  try {
    const keys = await openVault(connection.services);
    const index = await connection.openChunkIndex();
    // A right that is lacking shows now, and not after the listing.
    await index.find([keys.chunkId(new Uint8Array(1))]);
    return { keys, index };
  } catch (error) {
    if (isOfKind(error, 'denied', 'key', 'unknown', 'absent')) return error.message;
    throw error;
  }
}
