import { BackupError } from '../errors.ts';
import { forEachConcurrent } from '../map-concurrent.ts';

/** Failures that are spelled out; the rest is counted. */
const messagesListed = 20;

export interface StepOptions {
  /** Asked between items, never before the first; when true the call ends early and another goes on. @default never */
  readonly shouldStop?: () => boolean;
  readonly signal?: AbortSignal;
}

/** Items that could not be worked off. They are tried again by the next call, or the next day. */
export interface StepFailures {
  readonly count: number;
  /** The first of them, each with its item and its error. */
  readonly messages: readonly string[];
}

export interface WorkedThrough {
  /** False when the call ended early: call again. */
  readonly done: boolean;
  readonly failures: StepFailures;
}

export interface Work<Item> {
  readonly items: AsyncIterable<Item> | Iterable<Item>;
  readonly atOnce: number;
  readonly nameOf: (item: Item) => string;
  readonly work: (item: Item) => Promise<void>;
}

/**
 * Works through a list until it ends or the time is up. What is wrong with one item stops none of the others: its
 * error is an answer. Errors that are not the engine's own, refused credentials (they hit all items alike), and a list
 * that cannot be read, are thrown.
 */
export async function workThrough<Item>(
  { items, atOnce, nameOf, work }: Work<Item>,
  { shouldStop = () => false, signal }: StepOptions,
): Promise<WorkedThrough> {
  let failures = noFailures;
  let done = true;
  const untilTimeIsUp = async function* (): AsyncGenerator<Item> {
    let isFirst = true;
    for await (const item of items) {
      signal?.throwIfAborted();
      // One a call at least, however little time it has: else no number of calls gets through.
      if (!isFirst && shouldStop()) {
        done = false;
        return;
      }
      isFirst = false;
      yield item;
    }
  };
  await forEachConcurrent(untilTimeIsUp(), atOnce, async (item) => {
    try {
      await work(item);
    } catch (error) {
      if (!isOfOneItem(error)) throw error;
      failures = addFailures(failures, failureOf(nameOf(item), error));
    }
  });
  return { done, failures };
}

/** Tells an error that may be one item's own from those that hit every item alike. */
export function isOfOneItem(error: unknown): error is BackupError {
  return error instanceof BackupError && error.kind !== 'credentials';
}

export const noFailures: StepFailures = { count: 0, messages: [] };

/** @param item - the item's name in messages. */
export function failureOf(item: string, error: BackupError): StepFailures {
  return { count: 1, messages: [`${item}: ${error.name}: ${error.message}`] };
}

export function addFailures(a: StepFailures, b: StepFailures): StepFailures {
  return { count: a.count + b.count, messages: [...a.messages, ...b.messages].slice(0, messagesListed) };
}
