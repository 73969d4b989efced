import { toEngineError } from '@holdfast/aws';
import { BackupError, InvalidInputError } from '@holdfast/engine';
import * as z from 'zod';

/**
 * Turns whatever a function threw into an error whose name Step Functions can match: engine errors as they are, the
 * rest by what it means. Mistakes in our own code keep their name and match nothing.
 */
export function toHandlerError(error: unknown): unknown {
  if (error instanceof BackupError) return error;
  if (error instanceof z.ZodError) {
    const message = `a working file is not what this version writes (${z.prettifyError(error)}); start again`;
    return new InvalidInputError(message, { cause: error });
  }
  return toEngineError(error, 'calling AWS');
}
