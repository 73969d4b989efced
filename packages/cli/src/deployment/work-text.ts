import { BackupError, type Catalog, type ReportedWork } from '@holdfast/engine';
import { bytesText, countText, durationText, numberText } from '../terminal/text.ts';

/** The reports of workers at a look, and when that was. */
export interface WorkLook {
  readonly work: ReportedWork;
  readonly seconds: number;
}

/**
 * Work in the cloud for people: `1,234 of 5,000 files, 2.1 GiB of 8.4 GiB, 25 %, 40 MiB/s, about 3 min left`.
 * @param first - an earlier look: what was done since says how fast it goes.
 */
export function workText({ work, seconds }: WorkLook, first?: WorkLook): string {
  const { files, bytes, total } = work;
  const share = shareOf(work);
  const since = first === undefined ? 0 : seconds - first.seconds;
  const bytesSince = bytes - (first?.work.bytes ?? bytes);
  const shareSince = (share ?? 0) - (first === undefined ? 0 : (shareOf(first.work) ?? 0));
  const left = since > 0 && shareSince > 0 ? ((1 - (share ?? 1)) * since) / shareSince : undefined;
  const isUnderWay = share !== undefined && share < 1;
  return [
    files === 0 && total?.files === undefined ? undefined : amountText(files, total?.files, filesText),
    amountText(bytes, total?.bytes, bytesText),
    isUnderWay ? `${Math.floor(100 * share)} %` : undefined,
    since > 0 && bytesSince > 0 ? `${bytesText(bytesSince / since)}/s` : undefined,
    isUnderWay && left !== undefined ? `about ${durationText(left)} left` : undefined,
  ]
    .filter((text) => text !== undefined)
    .join(', ');
}

/** Reports of workers; `undefined` also where the catalog does not say, as they only inform and fail nothing. */
export async function findReported(
  { progress }: Pick<Catalog, 'progress'>,
  workId: string,
): Promise<ReportedWork | undefined> {
  return progress.find(workId).catch((error: unknown) => {
    if (error instanceof BackupError) return undefined;
    throw error;
  });
}

/** Bytes say more of how long it takes than files do. More than planned may be done, where a source has grown since. */
export function shareOf({ files, bytes, total = {} }: ReportedWork): number | undefined {
  if (total.bytes !== undefined && total.bytes > 0) return Math.min(1, bytes / total.bytes);
  if (total.files !== undefined && total.files > 0) return Math.min(1, files / total.files);
  return undefined;
}

function filesText(files: number): string {
  return countText(files, 'file');
}

function amountText(done: number, total: number | undefined, text: (amount: number) => string): string {
  if (total === undefined || total < done) return text(done);
  return text === filesText ? `${numberText(done)} of ${text(total)}` : `${text(done)} of ${text(total)}`;
}
