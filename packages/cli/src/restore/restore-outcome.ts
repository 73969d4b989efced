import type { RestoreOutcome } from '@holdfast/engine';
import { findErrorKind } from '@holdfast/engine/model';
import type { DegradedFields } from '../names/degraded-point.ts';
import { type ExitCode, exitCodes, saysDamage } from '../terminal/exit-codes.ts';
import { printKept } from './kept-text.ts';
import type { Output } from '../terminal/output.ts';
import { bytesText, countText, safeText } from '../terminal/text.ts';
import { unkeptText } from './unkept-text.ts';

/** Prints what a restore by this process into a directory came to: what failed first, then numbers. */
export async function printOutcome(
  outcome: RestoreOutcome,
  where: {
    readonly pointId: string;
    readonly directory: string;
    /** What stands for it on the audit log. */
    readonly execution?: string;
  } & DegradedFields,
  out: Output,
): Promise<void> {
  const { bytes, written, kept, keptFiles, same, failed, carried, unkept } = outcome;
  const { pointId, directory } = where;
  if (out.json) return out.document({ ...where, ...outcome });
  for (const { path, message } of failed)
    await out.line(`not restored: ${safeText(path)}: ${safeText(message)}`);
  for (const { path, from } of carried)
    await out.line(`older content: ${safeText(path)}: as in point ${from}`);
  for (const count of unkept) await out.line(unkeptText(count));
  await out.line(
    `restored ${countText(written + same, 'file')} of point ${pointId} to ${safeText(directory)}: ` +
      `${written} written (${bytesText(bytes)}), ${same} the same already, ${kept} different and left, ${failed.length} failed`,
  );
  await printKept(kept, keptFiles, out);
}

/** How a restore by this process ends: files that were left out are no success. */
export function exitCodeOfOutcome({ failed }: Pick<RestoreOutcome, 'failed'>): ExitCode {
  if (failed.some((failure) => saysDamage(findErrorKind(failure.name)))) return exitCodes.damaged;
  return failed.length > 0 ? exitCodes.failed : exitCodes.ok;
}
