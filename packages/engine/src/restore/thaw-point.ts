import type { ThawRequest, ThawSpeed } from '../model/machines/restore-request.ts';
import { InvalidInputError } from '../errors.ts';
import { pricesOfClass, storageClassPrices } from '../model/prices.ts';
import { containerName } from '../packs/object-names.ts';
import type { Root } from '../points/root.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { quoteRestore, type RestoreQuote, type RestoreWork } from './quote.ts';

const hourSeconds = 3_600;
const minuteSeconds = 60;

/** Time that a class takes to make an object readable, by speed; the longest that AWS expects. Seconds. */
const thawSeconds: Readonly<Record<string, Partial<Record<ThawSpeed, number>>>> = {
  GLACIER: { expedited: 5 * minuteSeconds, standard: 5 * hourSeconds, bulk: 12 * hourSeconds },
  DEEP_ARCHIVE: { standard: 12 * hourSeconds, bulk: 48 * hourSeconds },
};

/**
 * Longest time to make an object of a class readable. Seconds.
 * @returns `undefined` for a class that is read as it is, or has no such speed.
 */
export function longestThaw(storageClass: string | undefined, speed: ThawSpeed): number | undefined {
  return thawSeconds[storageClass ?? '']?.[speed];
}

const daysOfMonth = 30;

export type PointThaw =
  | { readonly state: 'readable' }
  | {
      readonly state: 'frozen' | 'thawing';
      /** The container. */
      readonly objectName: string;
      readonly versionId: string;
      readonly storageClass: string;
      readonly bytes: number;
      /** Longest time, from the request on. */
      readonly seconds: number;
      /** Cost of the thaw and of the readable copy, which costs as the standard class does, besides the archive. */
      readonly dollars: number;
    };

/**
 * Finds out if a point lies in an archive class. Only containers do: packs are shared, and stay where they can be read.
 * Costs one request.
 * @throws {@link InvalidInputError} the class has no such speed.
 */
export async function findThaw(
  store: ObjectStore,
  { container, point }: Root,
  { speed, days }: ThawRequest,
): Promise<PointThaw> {
  if (container === undefined) return { state: 'readable' };
  const objectName = containerName(container.pack);
  const { thaw, versionId, storageClass = '' } = await store.head(objectName);
  if (thaw === undefined || thaw.state === 'thawed') return { state: 'readable' };
  const speeds = thawSeconds[storageClass] ?? thawSeconds['GLACIER'] ?? {};
  const [seconds, price] = [speeds[speed], pricesOfClass(storageClass).thaw?.[speed]];
  if (seconds === undefined) {
    throw new InvalidInputError(
      `point ${point} lies in ${storageClass}, which does not thaw ${speed}; choose ${Object.keys(speeds).join(' or ')}`,
    );
  }
  const { bytes } = container;
  const copyGibibyte = (storageClassPrices.STANDARD.gibibyteMonth * days) / daysOfMonth;
  const dollars = (price?.request ?? 0) + ((price?.gibibyte ?? 0) + copyGibibyte) * (bytes / 2 ** 30);
  return { state: thaw.state, objectName, versionId, storageClass, bytes, seconds, dollars };
}

/**
 * Estimates a restore of a point that has to be thawed first, including the thaw. Counts the whole point: its manifest
 * is in the archive, too, so only its root is known before.
 */
export function quoteThaw(
  { counts }: Root,
  thaw: Exclude<PointThaw, { state: 'readable' }>,
  { workers, isLocal }: Pick<RestoreWork, 'workers' | 'isLocal'>,
): RestoreQuote {
  const { files, logicalBytes: bytes } = counts;
  const { bytes: storedBytes, storageClass } = thaw;
  const quote = quoteRestore({ files, bytes, storedBytes, workers, isLocal, storageClass });
  return { ...quote, dollars: quote.dollars + thaw.dollars, seconds: quote.seconds + thaw.seconds };
}

/**
 * Makes sure that a point is on its way to being readable. Repeatable: an object that thaws is left alone.
 * @returns as {@link findThaw}: call it again until it is `readable`.
 */
export async function thawPoint(store: ObjectStore, root: Root, request: ThawRequest): Promise<PointThaw> {
  const found = await findThaw(store, root, request);
  if (found.state !== 'frozen') return found;
  await store.thaw(found.objectName, found.versionId, request);
  return { ...found, state: 'thawing' };
}
