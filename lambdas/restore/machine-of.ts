import { MachineConfiguration } from '@holdfast/aws';
import { NotSupportedError, type Root } from '@holdfast/engine';
import * as z from 'zod';

/**
 * The machine of an image, as its root records it.
 * @throws {@link NotSupportedError} the point is of a volume by itself, or another version wrote the record.
 */
export function machineOf({ point, resource, image }: Root): MachineConfiguration {
  if (image?.machine === undefined)
    throw new NotSupportedError(
      `point ${point} is of ${resource}, which is no machine that could be launched; make volumes of it, and attach them`,
    );
  const parsed = MachineConfiguration.safeParse(image.machine);
  if (parsed.success) return parsed.data;
  throw new NotSupportedError(
    `the record of the machine in point ${point} is not one that this version reads (${z.prettifyError(parsed.error)}); ` +
      'use the version that wrote it, or make volumes of the point, and launch an instance with them',
  );
}
