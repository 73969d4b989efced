import { type ByteSource, DiskBytesLostError, DiskError, DiskUnsupportedError } from '@holdfast/disk';
import { BackupError, isDamage, NotSupportedError } from '@holdfast/engine';

/** The file system of a volume cannot be read as it is, although the vault gives its blocks as they were. */
class FileSystemError extends BackupError {
  override readonly name = 'FileSystemError';
}

/** Kinds of errors by which a part of an image cannot be read, and its other parts can. */
export const unreadablePart = ['damage', 'source', 'unsupported'] as const;

/** The same of a volume, whose snapshot may be gone. */
export const unreadableVolume = [...unreadablePart, 'absent'] as const;

/** True if something is wrong with what is stored: not if nobody was let read it. */
export function isAtFault(error: unknown): error is BackupError {
  return error instanceof FileSystemError || isDamage(error);
}

/**
 * Runs work on a file system of an image, and turns what it complains of into errors of the product.
 * @param path - what is worked on, for messages.
 * @throws {@link NotSupportedError} what was found there is not read.
 * @throws {@link FileSystemError} it is damaged.
 */
export async function namingPath<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    const ofVault = findDamageOfVault(error);
    if (ofVault !== undefined) throw ofVault;
    const message = `${JSON.stringify(path)}: ${error.message}`;
    if (error instanceof DiskUnsupportedError)
      throw new NotSupportedError(`${message}; restore the volume with "--to-file" or "--to-volumes"`, {
        cause: error,
      });
    throw new FileSystemError(message, { cause: error });
  }
}

/**
 * A way to read in which damage of the vault is what readers of file systems know as lost bytes, so that they get around
 * it where they can: by copies, and entry by entry.
 */
export function knownAsLost(read: ByteSource['read']): ByteSource['read'] {
  return async (...place) => {
    try {
      return await read(...place);
    } catch (error) {
      if (!isDamage(error)) throw error;
      throw new DiskBytesLostError(error.message, { cause: error });
    }
  };
}

/** The damage of the vault by which bytes were lost. */
export function findDamageOfVault(error: DiskError): BackupError | undefined {
  return error instanceof DiskBytesLostError && isDamage(error.cause) ? error.cause : undefined;
}
