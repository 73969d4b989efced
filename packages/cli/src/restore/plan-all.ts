import { createHash } from 'node:crypto';
import {
  BackupError,
  findThaw,
  isOfKind,
  mapConcurrent,
  type PointRow,
  quoteThaw,
  type RestoreQuote,
} from '@holdfast/engine';
import {
  type OverwriteRule,
  type RestoreInput,
  type RestoreReport,
  type ThawOptions,
  ThawRequest,
} from '@holdfast/engine/model';
import type { Connection } from '../deployment/connection.ts';
import { checkReadable } from '../names/archived-point.ts';
import { isImage, openPoint } from '../names/open-point.ts';
import type { CommandContext } from '../terminal/command.ts';
import { exitCodes, saysDamage } from '../terminal/exit-codes.ts';
import type { AllWishes } from './all-wishes.ts';
import { type ChosenPart, placeParts } from './choose-all.ts';
import { canHaveExtra, checkDeleteExtra } from './delete-extra.ts';
import { type Extra, findExtra } from './extra.ts';
import { measureImage, quoteOf, workersOf } from './preview-restore.ts';
import { exitCodeOfReport, findReport } from './restore-report.ts';
import { checkAllowed, checkDestination, checkReached, restoreInput } from './restore-request.ts';

/** Points that are looked at at once. */
const looksAtOnce = 4;

interface QuotedPart extends ChosenPart {
  /** The cost of an image is what it is at most, where its snapshots are gone. */
  readonly quote: RestoreQuote | undefined;
  readonly thawSeconds?: number | undefined;
  readonly thawDollars?: number | undefined;
  /** Why nothing can be said about it; the restore would meet the same. */
  readonly problem?: BackupError | undefined;
  /** Only where it is to be deleted. */
  readonly extra?: Extra | undefined;
  /** Why nothing is deleted from its place, though it was asked for. */
  readonly extraProblem?: BackupError | undefined;
}

/** A part as it goes to the restore machine, and what an earlier command of the same words did about it. */
export interface PlannedPart extends QuotedPart {
  readonly input: RestoreInput | undefined;
  readonly state: 'to restore' | 'under way' | 'done already';
  /** Name of its execution. */
  readonly name?: string;
  readonly execution?: string;
  readonly report?: Partial<RestoreReport> | undefined;
}

/**
 * Plans the restore of every point: where it goes, what that takes, and what the same request has done before.
 * @throws {@link UsageError} some would have no destination, or one that cannot be written from here.
 * @throws {@link InvalidInputError} the deployment does not let restores write there.
 */
export async function planParts(
  points: readonly PointRow[],
  wishes: AllWishes,
  connection: Connection,
  context: CommandContext,
): Promise<readonly PlannedPart[]> {
  const { destinations, overwrite, isExact, thaw } = wishes;
  const placed = placeParts(points, destinations, wishes.isQuoteOnly);
  const destined = placed.flatMap(({ point, destination }) =>
    destination === undefined ? [] : [{ point, destination }],
  );
  for (const { point, destination } of destined) {
    checkReached(destination, connection);
    checkDestination(point, destination, { paths: undefined, toFile: undefined });
  }
  await checkAllowed(destined, connection.deployment);
  const quoted = await Array.fromAsync(
    mapConcurrent(placed, looksAtOnce, async (part) => {
      const priced = await quotePart(part, thaw, connection, context);
      return isExact ? addExtra(priced, overwrite, connection, context) : priced;
    }),
  );
  const withInput = quoted.map((part) => ({
    ...part,
    input:
      part.destination === undefined
        ? undefined
        : restoreInput(part.point, part.destination, {
            paths: undefined,
            overwrite,
            deleteExtra: (isExact && canHaveExtra(part.destination)) || undefined,
            thaw,
          }),
  }));
  return findEarlier(withInput, connection);
}

async function quotePart(
  part: ChosenPart,
  thawWishes: ThawOptions,
  connection: Connection,
  { signal }: CommandContext,
): Promise<QuotedPart> {
  const { point, destination } = part;
  try {
    const reader = await openPoint(connection, point);
    if (isImage(point)) {
      const { volumes: files, bytes, blocks, dollars } = await measureImage(reader, signal);
      return { ...part, quote: { files, bytes, storedBytes: 0, requests: blocks, dollars, seconds: 0 } };
    }
    const thaw = await findThaw(connection.services.store, reader.root, ThawRequest.parse(thawWishes));
    if (thaw.state === 'readable')
      return {
        ...part,
        quote: await quoteOf({ reader, paths: undefined, image: undefined, destination, signal }),
      };
    const quote = quoteThaw(reader.root, thaw, workersOf({ destination }));
    return { ...part, quote, thawSeconds: thaw.seconds, thawDollars: thaw.dollars };
  } catch (error) {
    // One of them that is damaged must not keep all the others from being restored.
    if (!(error instanceof BackupError) || !saysDamage(error.kind)) throw error;
    return { ...part, quote: undefined, problem: error };
  }
}

/** Finds what the place of a part has besides. One of which that cannot be told is restored all the same. */
async function addExtra(
  part: QuotedPart,
  overwrite: OverwriteRule,
  connection: Connection,
  { progress, signal }: CommandContext,
): Promise<QuotedPart> {
  const { point, destination } = part;
  if (destination === undefined || part.problem !== undefined || !canHaveExtra(destination)) return part;
  try {
    checkDeleteExtra(point, destination, { overwrite });
    const reader = await openPoint(connection, point);
    await checkReadable(connection.services.store, reader.root, connection.deployment.vaultBucket);
    return { ...part, extra: await findExtra({ point, reader, destination, connection, progress, signal }) };
  } catch (error) {
    if (!isOfKind(error, 'input', 'target', 'denied', 'archived', 'damage', 'absent')) throw error;
    return { ...part, extraProblem: error };
  }
}

/**
 * Finds what the same request has started before. Where all of it is done, it is a new request; so a part is done
 * only if no other one has been begun more often.
 */
async function findEarlier(
  parts: readonly (QuotedPart & Pick<PlannedPart, 'input'>)[],
  { executions }: Connection,
): Promise<readonly PlannedPart[]> {
  const request = digestOf(parts.map(({ input }) => input));
  const find = async (part: (typeof parts)[number]): Promise<EarlierPart> => {
    const { input } = part;
    const open: PlannedPart = { ...part, state: 'to restore' };
    if (input === undefined || input.target.directory !== undefined) return { part: open, times: 0 };
    for (let attempt = 1, done = 0, last: PlannedPart | undefined; ; attempt++) {
      const name = `all-${request}-${digestOf(input)}-${attempt}`;
      const found = await executions.find('restore', name);
      if (found === undefined) {
        const isBegun = last?.state === 'to restore';
        return { part: { ...(last ?? open), name }, times: isBegun ? done + 1 : done };
      }
      const { execution, state } = found;
      if (state.status === 'running')
        return { part: { ...part, state: 'under way', name, execution }, times: done + 1 };
      const report = findReport(state.output);
      const isDone = report !== undefined && exitCodeOfReport(report) === exitCodes.ok;
      if (isDone) done += 1;
      last = isDone ? { ...part, state: 'done already', execution, report } : open;
    }
  };
  const found = await Array.fromAsync(mapConcurrent(parts, looksAtOnce, find));
  const most = Math.max(0, ...found.map(({ times }) => times));
  const isAllDone = found.every(({ part, times }) => part.state === 'done already' && times === most);
  return found.map(({ part, times }) =>
    part.state === 'done already' && (isAllDone || times < most)
      ? { ...part, state: 'to restore', execution: undefined, report: undefined }
      : part,
  );
}

interface EarlierPart {
  readonly part: PlannedPart;
  /** Restores of all of it, with one that is begun and not done. */
  readonly times: number;
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

/** One quote of all that is still to be restored. */
export function sumQuotes(
  parts: readonly PlannedPart[],
): RestoreQuote & { thawSeconds: number; thawDollars: number } {
  const open = parts.filter(({ state }) => state !== 'done already');
  const sum = (of: (part: PlannedPart) => number | undefined): number =>
    open.reduce((total, part) => total + (of(part) ?? 0), 0);
  const busy = sum(({ quote, thawSeconds = 0 }) => quote && quote.seconds - thawSeconds);
  const longest = Math.max(0, ...open.map(({ quote }) => quote?.seconds ?? 0));
  const thawSeconds = Math.max(0, ...open.map((part) => part.thawSeconds ?? 0));
  return {
    files: sum(({ quote }) => quote?.files),
    bytes: sum(({ quote }) => quote?.bytes),
    storedBytes: sum(({ quote }) => quote?.storedBytes),
    requests: sum(({ quote }) => quote?.requests),
    dollars: sum(({ quote }) => quote?.dollars),
    // The workers of the deployment are shared by all of them.
    seconds: Math.max(longest, busy),
    thawSeconds,
    thawDollars: sum((part) => part.thawDollars),
  };
}
