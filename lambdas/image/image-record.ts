import {
  findJson,
  getJson,
  putJson,
  ImageRecord,
  runPrefix,
  type RunId,
  type WorkStore,
} from '@holdfast/engine';
import * as z from 'zod';

/** Tags of snapshots: the run that they belong to, and the attempt that ordered them. */
export const RUN_TAG = 'holdfast:run';
export const ATTEMPT_TAG = 'holdfast:attempt';

/**
 * Volume that EC2 names for a snapshot which was copied. A copy that somebody made with its tags is theirs: it is not
 * removed, and makes up for none that is lost.
 */
export const COPIED_VOLUME = 'vol-ffffffff';

const time = z.iso.datetime().transform((text) => new Date(text));

/** Notice that snapshots of a run are about to be ordered, written before the order. */
const Claim = z.object({
  attempt: z.string(),
  claimedAt: time,
  /** EC2 took no order, so there is nothing to look for. */
  isRefused: z.boolean(),
});

const TakenImage = z.object({ takenAt: time, image: ImageRecord });
export type TakenImage = z.output<typeof TakenImage>;

/** Working files by which the steps of an image run hand on what they did. */
export class ImageRecords {
  readonly #work: WorkStore;
  readonly #prefix: string;

  constructor(work: WorkStore, runId: RunId) {
    this.#work = work;
    this.#prefix = `${runPrefix(runId)}image/`;
  }

  async findClaim(): Promise<z.output<typeof Claim> | undefined> {
    return findJson(this.#work, `${this.#prefix}claim.json`, Claim);
  }

  async putClaim(claim: z.output<typeof Claim>): Promise<void> {
    await putJson(this.#work, `${this.#prefix}claim.json`, claim);
  }

  async findTaken(): Promise<TakenImage | undefined> {
    return findJson(this.#work, `${this.#prefix}taken.json`, TakenImage);
  }

  /** @throws {@link ObjectNotFoundError} no snapshots were taken. */
  async getTaken(): Promise<TakenImage> {
    return getJson(this.#work, `${this.#prefix}taken.json`, TakenImage);
  }

  /** Writes down how many calls EBS refused, for the report of a run whose content is made by another call. */
  async putThrottledCalls(calls: number): Promise<void> {
    await putJson(this.#work, `${this.#prefix}throttled.json`, calls);
  }

  async findThrottledCalls(): Promise<number | undefined> {
    return findJson(this.#work, `${this.#prefix}throttled.json`, z.int());
  }

  async putTaken(taken: TakenImage): Promise<void> {
    await putJson(this.#work, `${this.#prefix}taken.json`, taken);
  }
}
