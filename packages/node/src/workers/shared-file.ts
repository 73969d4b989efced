import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import {
  BackupError,
  type ContentStretch,
  cutContent,
  type FetchPolicy,
  type PointReader,
  readContentStretch,
  TargetUnavailableError,
} from '@holdfast/engine';
import { errnoOf } from '../errno.ts';
import { writeUnlessZero } from '../target/write-unless-zero.ts';

/** Places of the counters that the threads share. */
const taken = 0;
const writing = 1;
const failed = 2;

/** A file that several threads of this process fill, as each of them has to know it. */
export interface SharedFile {
  /** In the point. */
  readonly path: Uint8Array;
  /** The open file's; its owner closes it when nobody writes any more, or when it dies. */
  readonly fd: number;
  /** Device and inode tell the file from another one that got the number. */
  readonly dev: bigint;
  readonly ino: bigint;
  readonly stretches: readonly ContentStretch[];
  readonly counters: Int32Array<SharedArrayBuffer>;
}

/** Little is read ahead: the owner holds its own window of what it would have read alone. Some 20 MiB for each thread. */
const sharedFetch: FetchPolicy = {
  windowBytes: 4 * 2 ** 20,
  windowItems: 4_096,
  cacheBytes: 4 * 2 ** 20,
  runsAtOnce: 2,
  run: { maxRunBytes: 4 * 2 ** 20, maxGapBytes: 32 * 2 ** 10, maxWaste: 0.05 },
};

/**
 * Fills an open, empty file with a file's content, with the help of other threads: whoever is free takes the next stretch.
 * Only verified bytes are written, each where it belongs; zeros become holes, also at the end. When the promise settles,
 * nobody else writes.
 * @param ask - tells the others, who may come or not.
 * @returns false when a stretch could not be read or written: whoever writes the file alone finds out why.
 */
export async function fillWithOthers(
  reader: PointReader,
  {
    path,
    fd,
    stretchBytes,
  }: { readonly path: Uint8Array; readonly fd: number; readonly stretchBytes: number },
  ask: (file: SharedFile) => void,
): Promise<boolean> {
  let stretches: readonly ContentStretch[];
  try {
    stretches = await cutContent(reader, path, stretchBytes);
  } catch (error) {
    if (error instanceof BackupError) return false;
    throw error;
  }
  const counters = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
  const { dev, ino } = fstatSync(fd, { bigint: true });
  const file = { path, fd, dev, ino, stretches, counters };
  ask(file);
  try {
    await takeStretches(file, async (stretch) => writeStretch(reader, { path, fd }, stretch));
  } finally {
    Atomics.store(counters, taken, stretches.length);
    await othersEnd(counters);
  }
  return Atomics.load(counters, failed) === 0;
}

/** Tells whether a file has stretches that nobody has taken. */
export function hasUntaken({ counters, stretches }: SharedFile): boolean {
  return Atomics.load(counters, taken) < stretches.length;
}

/** Writes stretches of a file that a thread of this process has opened, until none is left. */
export async function helpToFill(reader: PointReader, file: SharedFile): Promise<void> {
  let own: number | undefined;
  try {
    await takeStretches(file, async (stretch) => {
      own ??= openAgain(file);
      await writeStretch(reader, { path: file.path, fd: own }, stretch);
    });
  } finally {
    if (own !== undefined) closeSync(own);
  }
}

/**
 * Opens an open file once more: when its owner dies, its number may become that of any other file while this thread
 * still writes.
 */
function openAgain({ fd, dev, ino }: SharedFile): number {
  const own = openSync(`/dev/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  const found = fstatSync(own, { bigint: true });
  if (found.dev === dev && found.ino === ino) return own;
  closeSync(own);
  throw new TargetUnavailableError(`file ${fd} is another one by now; its owner has ended`);
}

async function takeStretches(
  { counters, stretches }: SharedFile,
  write: (stretch: ContentStretch) => Promise<void>,
): Promise<void> {
  // Before a stretch is taken: the owner closes the file when none is left and nobody writes.
  Atomics.add(counters, writing, 1);
  try {
    for (;;) {
      const stretch = stretches[Atomics.add(counters, taken, 1)];
      if (stretch === undefined) return;
      await write(stretch);
    }
  } catch (error) {
    Atomics.store(counters, failed, 1);
    Atomics.store(counters, taken, stretches.length);
    if (!(error instanceof BackupError) && errnoOf(error) === undefined) throw error;
  } finally {
    Atomics.sub(counters, writing, 1);
    Atomics.notify(counters, writing);
  }
}

async function othersEnd(counters: SharedFile['counters']): Promise<void> {
  for (let left = Atomics.load(counters, writing); left > 0; left = Atomics.load(counters, writing))
    await Atomics.waitAsync(counters, writing, left).value;
}

async function writeStretch(
  reader: PointReader,
  { path, fd }: Pick<SharedFile, 'path' | 'fd'>,
  stretch: ContentStretch,
): Promise<void> {
  for await (const { offset, bytes } of readContentStretch(reader, path, stretch, sharedFetch))
    writeUnlessZero(fd, bytes, offset);
}
