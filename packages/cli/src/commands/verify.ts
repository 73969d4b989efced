import { verifyPoint, type VerifyOutcome } from '@holdfast/engine';
import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { checkHasFiles, openPoint } from '../open-point.ts';
import type { Output } from '../output.ts';
import { resolvePointOrResource } from '../resolve-point.ts';
import { bytesText, countText, safeText } from '../text.ts';

export const verifyCommand = defineCommand({
  name: 'verify',
  summary: 'Read all of a recovery point as a restore would, and name the files that cannot be restored.',
  usage: ['<point|resource>'],
  options: {},
  optionLines: [],
  words: { least: 1, most: 1 },
  async run({ connect, out, progress, clock, signal }, _values, [name = '']) {
    const connection = await connect();
    const point = await resolvePointOrResource(connection.services.catalog, name, clock.now());
    checkHasFiles(point, 'there is nothing in the vault to verify');
    const reader = await openPoint(connection, point);
    const outcome = await verifyPoint(reader, { onProgress: progress.report, signal });
    const isDamaged = outcome.damagedFileCount > 0 || outcome.problems.length > 0;
    const { pointId, resourceArn } = point;
    if (out.json) await out.document({ pointId, resourceArn, damaged: isDamaged, ...outcome });
    else await print(pointId, outcome, out);
    return isDamaged ? exitCodes.damaged : exitCodes.ok;
  },
});

async function print(pointId: string, outcome: VerifyOutcome, out: Output): Promise<void> {
  const { files, bytes, chunks, packs, damagedFiles, damagedFileCount, problems } = outcome;
  for (const { path, message } of damagedFiles)
    await out.line(`damaged: ${safeText(path)}: ${safeText(message)}`);
  if (damagedFileCount > damagedFiles.length)
    await out.line(`… and ${damagedFileCount - damagedFiles.length} more`);
  for (const problem of problems) await out.line(`problem: ${safeText(problem)}`);
  const read = `read ${countText(files, 'file')}, ${bytesText(bytes)} in ${countText(chunks, 'chunk')} of ${countText(packs, 'pack')}`;
  const isDamaged = damagedFileCount > 0 || problems.length > 0;
  const verdict = isDamaged
    ? `DAMAGED: ${countText(damagedFileCount, 'file')} cannot be restored, ${countText(problems.length, 'other problem')}`
    : 'no damage';
  await out.line(`point ${pointId}: ${read}: ${verdict}`);
}
