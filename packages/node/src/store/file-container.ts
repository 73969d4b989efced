import { type FileHandle, open } from 'node:fs/promises';
import { AccessDeniedError, type ByteRange, type ContainerBytes, InvalidInputError } from '@holdfast/engine';
import { errnoOf, isMissing } from '../errno.ts';

/** A container in a file of its own, which is only read. */
export class FileContainer implements ContainerBytes {
  readonly bytes: number;
  readonly #file: FileHandle;

  private constructor(file: FileHandle, bytes: number) {
    this.#file = file;
    this.bytes = bytes;
  }

  /**
   * Opens the file; {@link close} it in the end.
   * @throws {@link InvalidInputError} there is no such file, or it is none.
   * @throws {@link AccessDeniedError} it cannot be read.
   */
  static async open(path: string): Promise<FileContainer> {
    let file: FileHandle;
    try {
      file = await open(path, 'r');
    } catch (error) {
      const named = JSON.stringify(path);
      if (isMissing(error))
        throw new InvalidInputError(`${named} does not exist; name a container's file`, { cause: error });
      throw new AccessDeniedError(`${named} cannot be read (${errnoOf(error)}); check its owner and mode`, {
        cause: error,
      });
    }
    const stats = await file.stat();
    if (stats.isFile()) return new FileContainer(file, stats.size);
    await file.close();
    throw new InvalidInputError(`${JSON.stringify(path)} is no file; name a container's file`);
  }

  async read({ offset, length }: ByteRange): Promise<Uint8Array> {
    const wanted = Math.max(0, Math.min(length, this.bytes - offset));
    const into = Buffer.allocUnsafeSlow(wanted);
    for (let filled = 0; filled < wanted;) {
      const { bytesRead } = await this.#file.read(into, filled, wanted - filled, offset + filled);
      if (bytesRead === 0) return into.subarray(0, filled);
      filled += bytesRead;
    }
    return into;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
