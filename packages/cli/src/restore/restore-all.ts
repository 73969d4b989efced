import { BackupError, mapConcurrent, type ResourceArn } from '@holdfast/engine';
import { type RestoreReport, restoreIdOf } from '@holdfast/engine/model';
import { findReported, shareOf } from '../deployment/work-text.ts';
import type { Connection } from '../deployment/connection.ts';
import { type ExecutionState, failureText, waitForExecution } from '../deployment/executions.ts';
import type { CommandContext } from '../terminal/command.ts';
import { ExecutionFailedError } from '../terminal/errors.ts';
import { type ExitCode, exitCodeOf, exitCodes } from '../terminal/exit-codes.ts';
import { countText, durationText, numberText } from '../terminal/text.ts';
import type { AllWishes } from './all-wishes.ts';
import { type ChosenResources, chooseResources } from './choose-all.ts';
import { exitCodeOfRemoved, isAllBack, isAllHere, removeExtra } from './delete-extra.ts';
import { type PlannedPart, planParts } from './plan-all.ts';
import { type EndedPart, fieldsOfAll, printPlan, printSummary, RestoredAll } from './print-all.ts';
import { restoreHere } from './restore-here.ts';
import { exitCodeOfOutcome, exitCodeOfReport, findReport } from './restore-report.ts';

/** Restores that are under way at once: they share the workers of the deployment. */
const restoresAtOnce = 4;
/** Seconds between two lines about all of it. */
const quietSeconds = 10;

/**
 * Restores every resource of a plan, or of all plans, to a time: shows which point of each goes where and what all of it
 * takes, asks, and follows all restores to their end.
 *
 * The same words mean the same restores: of a command that was killed, those that run are followed, those that have
 * brought everything back are left, and the others are started.
 */
export async function restoreAll(
  wishes: AllWishes,
  connection: Connection,
  context: CommandContext,
): Promise<ExitCode> {
  const { catalog } = connection.services;
  const now = context.clock.now();
  const plans = await connection.deployment.findPlans();
  const chosen = await chooseResources(catalog, { plan: wishes.plan, plans, ...wishes.choice }, now);
  const parts = await planParts(chosen.points, wishes, connection, context);
  try {
    return await restorePlanned(parts, chosen, wishes, connection, context);
  } finally {
    for (const { extra } of parts) await extra?.close();
  }
}

async function restorePlanned(
  parts: readonly PlannedPart[],
  chosen: ChosenResources,
  wishes: AllWishes,
  connection: Connection,
  context: CommandContext,
): Promise<ExitCode> {
  const { out } = context;
  if (!out.json) await printPlan(parts, chosen, wishes, out);
  const open = parts.filter(({ state }) => state !== 'done already').length;
  if (wishes.isPreview || open === 0) {
    if (out.json) await out.answer(RestoredAll, fieldsOfAll(parts, chosen, undefined));
    return exitCodeOfAll([], parts, chosen.without);
  }
  const extra = parts.reduce((sum, part) => sum + (part.extra?.count ?? 0), 0);
  const deleting =
    extra === 0 ? '' : `, and delete ${numberText(extra)} that the points do not have when all are back`;
  if (!wishes.isConfirmed && !(await context.confirm(`restore ${countText(open, 'resource')}${deleting}?`))) {
    context.warn('nothing was restored');
    return exitCodes.failed;
  }
  const restored = await restoreParts(parts, wishes, connection, context);
  const ended = await deleteExtras(restored, context);
  if (out.json) await out.answer(RestoredAll, fieldsOfAll(parts, chosen, ended));
  else await printSummary(ended, out);
  return exitCodeOfAll(ended, parts, chosen.without);
}

/** Restores what is not done, so many at once; what fails keeps none of the others from their turn. */
async function restoreParts(
  parts: readonly PlannedPart[],
  wishes: AllWishes,
  connection: Connection,
  context: CommandContext,
): Promise<readonly EndedPart[]> {
  const { progress, signal } = context;
  const board = new Board(parts, connection, context);
  const restore = async (part: PlannedPart): Promise<EndedPart> => {
    const { point, destination } = part;
    try {
      signal.throwIfAborted();
      const { directory } = destination ?? {};
      const ended =
        directory === undefined
          ? await followPart(part, board, connection, context)
          : await restorePartHere(part, directory, wishes, connection, context);
      board.end(part);
      progress.note(`${point.resourceArn}: ${ended.result}`);
      return ended;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof BackupError)) throw error;
      board.end(part);
      progress.note(`${point.resourceArn}: ${error.message}`);
      const { execution } = part;
      return {
        part,
        execution,
        files: 0,
        bytes: 0,
        exitCode: exitCodeOf(error),
        result: `failed: ${error.message}`,
        isWhole: false,
      };
    }
  };
  const isHere = parts.some(({ destination }) => destination?.directory !== undefined);
  // This process has one disk and one connection.
  return Array.fromAsync(mapConcurrent(parts, isHere ? 1 : restoresAtOnce, restore));
}

async function followPart(
  part: PlannedPart,
  board: Board,
  connection: Connection,
  { clock, signal }: CommandContext,
): Promise<EndedPart> {
  const { executions } = connection;
  const { name, input } = part;
  if (part.state === 'done already') return endOf(part, part.execution ?? '', part.report);
  if (name === undefined || input === undefined) throw new TypeError('a part for the machine has a name');
  const execution = part.execution ?? (await executions.start('restore', name, input));
  board.begin(part, execution);
  const onLook = async (): Promise<void> => board.look();
  const state = await waitForExecution(execution, { executions, clock, signal, onLook });
  return endOf(part, execution, reportOf(execution, state));
}

/** @throws {@link ExecutionFailedError} it did not succeed, or nobody can tell. */
function reportOf(execution: string, state: ExecutionState): Partial<RestoreReport> {
  if (state.status !== 'succeeded')
    throw new ExecutionFailedError(`${failureText(state)}; execution ${execution}`);
  const report = findReport(state.output);
  if (report !== undefined) return report;
  throw new ExecutionFailedError(
    `execution ${execution} has ended with a report that this program cannot read`,
  );
}

function endOf(part: PlannedPart, execution: string, report: Partial<RestoreReport> = {}): EndedPart {
  const { files = 0, bytes = 0, failed = 0, kept = 0, same = 0 } = report;
  const made = report.instance?.instanceId ?? report.volumes?.map(({ volumeId }) => volumeId).join(' ');
  const result = made ?? resultText({ files, failed, kept, same });
  const exitCode = exitCodeOfReport(report);
  return { part, execution, files, bytes, exitCode, result, isWhole: isAllBack(report) };
}

async function restorePartHere(
  part: PlannedPart,
  directory: string,
  { overwrite, isExact, thaw, workers }: AllWishes,
  connection: Connection,
  context: CommandContext,
): Promise<EndedPart> {
  const deleteExtra = isExact || undefined;
  const request = { point: part.point, paths: undefined, overwrite, deleteExtra, thaw, workers };
  const { outcome, execution } = await restoreHere(request, directory, connection, context);
  const { written, same, kept, bytes, failed } = outcome;
  const result = resultText({
    files: written + same + kept + failed.length,
    failed: failed.length,
    kept,
    same,
  });
  const exitCode = exitCodeOfOutcome(outcome);
  return { part, execution, files: written + same, bytes, exitCode, result, isWhole: isAllHere(outcome) };
}

function resultText({
  files,
  failed,
  kept,
  same,
}: {
  readonly files: number;
  readonly failed: number;
  readonly kept: number;
  readonly same: number;
}): string {
  return `${countText(files, 'file')}: ${same} the same already, ${kept} different and left, ${failed} failed`;
}

/** Deletes what was shown of places where everything is back; the others keep all that they have. */
async function deleteExtras(
  ended: readonly EndedPart[],
  context: CommandContext,
): Promise<readonly EndedPart[]> {
  const after: EndedPart[] = [];
  for (const end of ended) {
    context.signal.throwIfAborted();
    after.push(await deleteExtraOf(end, context));
  }
  return after;
}

async function deleteExtraOf(
  end: EndedPart,
  { progress, signal }: Pick<CommandContext, 'progress' | 'signal'>,
): Promise<EndedPart> {
  const { part, result } = end;
  const { extra, extraProblem } = part;
  const because = (why: string): EndedPart => ({
    ...end,
    exitCode: end.exitCode === exitCodes.ok ? exitCodes.failed : end.exitCode,
    result: `${result}; nothing deleted: ${why}`,
  });
  if (extraProblem !== undefined) return because(extraProblem.message);
  if (extra === undefined || (extra.count === 0 && end.isWhole)) return end;
  if (!end.isWhole) return because('not everything is as the point has it');
  try {
    const removed = await removeExtra(extra, progress);
    const [first] = removed.left;
    const left =
      first === undefined ? '' : `, ${removed.leftCount} left, such as ${first.path}: ${first.reason}`;
    return {
      ...end,
      removed,
      exitCode: exitCodeOfRemoved(removed),
      result: `${result}; ${removed.removed} of ${extra.count} extra deleted${left}`,
    };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return because(error.message);
  }
}

/** One progress of all restores, for people. */
class Board {
  readonly #parts: readonly PlannedPart[];
  readonly #connection: Connection;
  readonly #context: CommandContext;
  readonly #running = new Map<PlannedPart, string>();
  readonly #begunMs: number;
  #ended = 0;
  #noted = 0;

  constructor(parts: readonly PlannedPart[], connection: Connection, context: CommandContext) {
    this.#parts = parts;
    this.#connection = connection;
    this.#context = context;
    this.#begunMs = context.clock.elapsedMs();
  }

  begin(part: PlannedPart, execution: string): void {
    this.#running.set(part, execution);
  }

  end(part: PlannedPart): void {
    this.#running.delete(part);
    this.#ended += 1;
  }

  /** Says every ten seconds how far all of it is. */
  async look(): Promise<void> {
    const { progress, clock } = this.#context;
    const seconds = (clock.elapsedMs() - this.#begunMs) / 1000;
    if (!progress.isShown || seconds - this.#noted < quietSeconds) return;
    this.#noted = seconds;
    const running = [...this.#running];
    const texts: string[] = [];
    for (const [{ point }, execution] of running) {
      const { executions, services } = this.#connection;
      const work = await findReported(services.catalog, restoreIdOf(execution));
      const parts = work === undefined ? await executions.findParts(execution) : undefined;
      const done = work === undefined ? parts && parts.done / parts.total : shareOf(work);
      const share = done === undefined || Number.isNaN(done) ? '' : ` ${Math.floor(100 * done)} %`;
      texts.push(`${point.resourceArn.replace(/^.*[:/]/, '')}${share}`);
    }
    progress.note(
      `restoring, ${durationText(seconds)}: ${this.#ended} of ${countText(this.#parts.length, 'resource')} done, under way: ${texts.join(', ')}`,
    );
  }
}

/** Damage comes before other failures; a resource without a point is one. */
function exitCodeOfAll(
  ended: readonly EndedPart[],
  parts: readonly PlannedPart[],
  without: readonly ResourceArn[],
): ExitCode {
  const codes = ended.map(({ exitCode }) => exitCode);
  if (codes.includes(exitCodes.damaged) || parts.some(({ problem }) => problem !== undefined))
    return exitCodes.damaged;
  const isAllWell =
    without.length === 0 &&
    codes.every((code) => code === exitCodes.ok) &&
    parts.every(({ extraProblem }) => extraProblem === undefined);
  return isAllWell ? exitCodes.ok : exitCodes.failed;
}
