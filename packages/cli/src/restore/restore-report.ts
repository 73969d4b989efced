import { findErrorKind } from '@holdfast/engine/model';
import * as z from 'zod';
import { parseOutput } from '../deployment/execution-output.ts';
import { type ExitCode, exitCodes, saysDamage } from '../terminal/exit-codes.ts';
import { printKept } from './kept-text.ts';
import type { Output } from '../terminal/output.ts';
import { bytesText, countText, safeText } from '../terminal/text.ts';
import { unkeptText } from './unkept-text.ts';

const count = z.number().optional();

/** What the restore machine reports at its end; of files or of volumes. What else it has is kept for programs. */
const RestoreReport = z.looseObject({
  state: z.string().optional(),
  target: z.string().optional(),
  files: count,
  bytes: count,
  written: count,
  kept: count,
  keptFiles: z.array(z.string()).optional(),
  same: count,
  failed: count,
  /** Restored as an earlier point had them. */
  carried: count,
  failedFiles: z.array(z.object({ path: z.string(), name: z.string(), message: z.string() })).optional(),
  /** What of the written files could not be kept as the point has it. */
  unkept: z.array(z.object({ fact: z.string(), entries: z.number(), example: z.string() })).optional(),
  /** Of a point that could not read everything. */
  degraded: z.looseObject({ meaning: z.string() }).optional(),
  details: z.object({ bucket: z.string(), prefix: z.string() }).optional(),
  volumes: z
    .array(
      z.object({
        volumeId: z.string(),
        sourceVolumeId: z.string(),
        device: z.string().optional(),
        sizeGiB: z.number(),
        tagsLeftOff: z.array(z.string()).default([]),
      }),
    )
    .optional(),
  machine: z.object({ bucket: z.string(), key: z.string() }).optional(),
});
type RestoreReport = z.infer<typeof RestoreReport>;

/** The report in an execution's output; `undefined` where there is none. */
export function reportOf(output: string | undefined): RestoreReport | undefined {
  return parseOutput(output, z.object({ report: RestoreReport }))?.report;
}

/** How a restore with that report ends: files that were left out are no success. */
export function exitCodeOfReport({ failed = 0, failedFiles = [] }: RestoreReport): ExitCode {
  if (failedFiles.some(({ name }) => saysDamage(findErrorKind(name)))) return exitCodes.damaged;
  return failed > 0 ? exitCodes.failed : exitCodes.ok;
}

/** Prints a report: what failed first, then numbers. */
export async function printReport(report: RestoreReport, execution: string, out: Output): Promise<void> {
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
