import { findErrorKind, RestoreReport } from '@holdfast/engine/model';
import * as z from 'zod';
import { parseOutput } from '../deployment/execution-output.ts';
import { type ExitCode, exitCodes, saysDamage } from '../terminal/exit-codes.ts';
import { printKept } from './kept-text.ts';
import type { Output } from '../terminal/output.ts';
import { bytesText, countText, safeText } from '../terminal/text.ts';
import { unkeptText } from './unkept-text.ts';

/** What the restore machine reports, as far as it can be read. What else it has is kept for programs. */
const KnownReport = z.object({ report: RestoreReport.partial().loose() });

/** The report in an execution's output; empty where there is none. */
export function reportOf(output: string | undefined): Partial<RestoreReport> {
  return parseOutput(output, KnownReport)?.report ?? {};
}

/** How a restore with that report ends: files that were left out are no success. */
export function exitCodeOfReport({ failed = 0, failedFiles = [] }: Partial<RestoreReport>): ExitCode {
  if (failedFiles.some(({ name }) => saysDamage(findErrorKind(name)))) return exitCodes.damaged;
  return failed > 0 ? exitCodes.failed : exitCodes.ok;
}

/** Prints a report: what failed first, then numbers. */
export async function printReport(
  report: Partial<RestoreReport>,
  execution: string,
  out: Output,
): Promise<void> {
  const { failedFiles = [], failed = 0, carried = 0, unkept = [], details, volumes, machine } = report;
  for (const { path, message } of failedFiles)
    await out.line(`not restored: ${safeText(path)}: ${safeText(message)}`);
  if (report.target !== undefined) await out.line(`target    ${safeText(report.target)}`);
  if (volumes === undefined) {
    const { files = 0, written = 0, bytes = 0, same = 0, kept = 0 } = report;
    await out.line(
      `files     ${files}: ${written} written (${bytesText(bytes)}), ${same} the same already, ${kept} different and left, ${failed} failed`,
    );
    await printKept(kept, report.keptFiles ?? [], out);
  } else {
    await out.table(
      [{ title: 'VOLUME' }, { title: 'COPY OF' }, { title: 'DEVICE' }, { title: 'SIZE', align: 'right' }],
      volumes.map(({ volumeId, sourceVolumeId, device, sizeGiB }) => [
        volumeId,
        sourceVolumeId,
        device ?? '-',
        `${sizeGiB} GiB`,
      ]),
    );
    for (const { volumeId, tagsLeftOff } of volumes) {
      if (tagsLeftOff.length > 0)
        await out.line(`no room   ${volumeId} lacks ${safeText(tagsLeftOff.join(', '))}: EC2 takes 50 tags`);
    }
  }
  if (carried > 0)
    await out.line(`older     ${countText(carried, 'file')} with the content of an earlier point`);
  if (report.degraded !== undefined) await out.line(`degraded  ${safeText(report.degraded.meaning)}`);
  for (const lacking of unkept) await out.line(unkeptText(lacking));
  if (failed > failedFiles.length && details !== undefined) {
    await out.line(
      `not shown ${countText(failed - failedFiles.length, 'file')} more, not restored; "holdfast failures ${execution}" names all`,
    );
  }
  if (machine !== undefined) await out.line(`machine   s3://${machine.bucket}/${machine.key}`);
}
