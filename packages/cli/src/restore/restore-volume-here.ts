import * as z from 'zod';
import type { Connection } from '../deployment/connection.ts';
import { type DegradedFields, degradedShape } from '../names/degraded-point.ts';
import { openPoint } from '../names/open-point.ts';
import { documentAnswer } from '../terminal/answer.ts';
import type { CommandContext } from '../terminal/command.ts';
import type { ExitCode } from '../terminal/exit-codes.ts';
import {
  chooseVolume,
  diskImageLines,
  diskImageShape,
  type DiskImageWishes,
  exitCodeOfDiskImages,
  restoreToFile,
} from './restore-disk-images.ts';
import type { LocalRequest } from './restore-here.ts';
import { recordRestore } from './restore-machine.ts';

export const VolumeInFile = documentAnswer(
  'with --to-file',
  z.strictObject({ pointId: z.string(), execution: z.string(), ...degradedShape, ...diskImageShape }),
);

/** A volume of an image, the only one where none is named, and the file that it is restored to. */
export interface VolumeFile {
  readonly path: string;
  readonly volume: string | undefined;
}

/** Restores a volume from this process into a file, once the audit log has it. */
export async function restoreVolumeHere(
  { point, thaw }: LocalRequest,
  { volume: name, path: file, ...wishes }: DiskImageWishes & VolumeFile,
  degraded: DegradedFields,
  connection: Connection,
  context: CommandContext,
): Promise<ExitCode> {
  const { out } = context;
  // Named wrongly, it should not be on the log.
  const volume = await chooseVolume(await openPoint(connection, point), name, context);
  const execution = await recordRestore(
    { point, directory: file, paths: undefined, thaw },
    connection,
    context,
  );
  const reader = await openPoint(connection, point);
  const outcome = await restoreToFile(reader, volume, file, wishes, context);
  if (out.json)
    await out.answer(VolumeInFile, { pointId: point.pointId, execution, ...degraded, ...outcome });
  else for (const line of diskImageLines(outcome)) await out.line(line);
  return exitCodeOfDiskImages([outcome]);
}
