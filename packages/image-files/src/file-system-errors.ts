import { DiskError, DiskUnsupportedError } from '@holdfast/disk';
import { BackupError, NotSupportedError } from '@holdfast/engine';

/** The file system of a volume cannot be read as it is, although the vault gives its blocks as they were. */
class FileSystemError extends BackupError {
  override readonly name = 'FileSystemError';
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
    const message = `${JSON.stringify(path)}: ${error.message}`;
    if (error instanceof DiskUnsupportedError)
      throw new NotSupportedError(`${message}; restore the volume with "--to-file" or "--to-volumes"`, {
        cause: error,
      });
    throw new FileSystemError(message, { cause: error });
  }
}
