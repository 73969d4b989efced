import { prices, pricesOfClass, storageClassPrices, workerSecondDollars } from '../model/prices.ts';
import { workRates } from '../model/worker.ts';
import { defaultShardLimits, stretchBytes } from '../protect/shards.ts';
import { sum } from '../sum.ts';
import type { SourceEstimate } from './estimate-source.ts';

const gibibyte = 2 ** 30;
/** A cycle lists once to cut shards, and once in the workers. */
const listsOfRun = 2;
/** States that a run enters, and each of its shards. */
const transitions = { run: 20, shard: 5 } as const;

/** Requests and dollars of one backup of a bucket. */
export interface CopyPrice {
  readonly requests: number;
  readonly dollars: number;
  /** The same dollars, by what they are paid for. */
  readonly parts: {
    readonly listing: number;
    readonly reading: number;
    /** Charge of infrequent classes for each GiB. */
    readonly retrieval: number;
    readonly storing: number;
    readonly workers: number;
  };
}

/** Prices the first backup of a bucket: everything is listed, read and, as far as it is new, stored. */
export function priceFirstCopy(estimate: SourceEstimate): CopyPrice {
  return priceRun(estimate, { read: 1, stored: 1 });
}

/**
 * Prices a backup of a bucket.
 * @param shares - of the content, from 0 to 1: what is read, and what is stored anew
 */
export function priceRun(
  { listed, classes, frozen, chunks, storedBytes }: SourceEstimate,
  shares: { readonly read: number; readonly stored: number },
): CopyPrice {
  const lists = listsOfRun * Math.ceil(listed.files / workRates.listedPerRequest);
  const reads = Object.entries(classes)
    .map(([name, { files, bytes }]) => ({ files, bytes, price: pricesOfClass(name) }))
    .filter(({ price }) => price.thaw === undefined)
    .map(({ files, bytes, price }) => {
      const requests = shares.read * (files + Math.floor(bytes / stretchBytes));
      const retrieval = (shares.read * bytes * price.retrievalGibibyte) / gibibyte;
      return { requests, reading: requests * price.get, retrieval };
    });
  const packs = Math.ceil((shares.stored * storedBytes.value) / workRates.packBytes);
  const read = shares.read * (listed.bytes - frozen.bytes);
  const seconds = Math.max(
    read / workRates.protectedBytesPerSecond,
    (shares.read * listed.files) / workRates.filesPerSecond,
  );
  const shards = Math.ceil(
    Math.max(listed.bytes / defaultShardLimits.bytes, listed.files / defaultShardLimits.files),
  );
  const { dynamo, lambda, kms, stepFunctions } = prices;
  const parts = {
    listing: lists * storageClassPrices.STANDARD.put,
    reading: sum(reads.map(({ reading }) => reading)),
    retrieval: sum(reads.map(({ retrieval }) => retrieval)),
    storing:
      packs * (storageClassPrices.STANDARD.put + workRates.writeUnitsForPack * dynamo.writeUnit) +
      shares.read * chunks * dynamo.readUnit +
      shares.stored * chunks * dynamo.writeUnit,
    workers:
      seconds * workerSecondDollars +
      shards * (lambda.call + kms.request) +
      (transitions.run + transitions.shard * shards) * stepFunctions.transition,
  };
  return {
    requests: Math.ceil(lists + sum(reads.map(({ requests }) => requests)) + packs),
    dollars: sum(Object.values(parts)),
    parts,
  };
}
