import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId, type PlacedObject, type RandomBytes } from '@holdfast/engine';
import * as z from 'zod';

const writtenAtOnceBytes = 64 * 1024;

const Line = z.tuple([z.base64(), z.number(), z.string()]);

/**
 * Objects as somebody was shown them, in order. They lie in a file without a name, which ends with the process: millions
 * of them take no memory.
 */
export class ShownObjects {
  readonly #file: FileHandle;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #count = 0;
  #bytes = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(random: RandomBytes): Promise<ShownObjects> {
    const path = join(tmpdir(), `holdfast-shown-${newId(random)}`);
    const file = await open(path, 'wx+', 0o600);
    await unlink(path);
    return new ShownObjects(file);
  }

  get count(): number {
    return this.#count;
  }

  /** Content of all of them. */
  get bytes(): number {
    return this.#bytes;
  }

  async add({ path, size, changeToken }: PlacedObject): Promise<void> {
    const line = `${JSON.stringify([Buffer.from(path).toString('base64'), size, changeToken])}\n`;
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    this.#count += 1;
    this.#bytes += size;
    if (this.#waitingBytes >= writtenAtOnceBytes) await this.#write();
  }

  async *list(): AsyncGenerator<PlacedObject> {
    await this.#write();
    for await (const line of this.#file.readLines({ start: 0, autoClose: false })) {
      const [path, size, changeToken] = Line.parse(JSON.parse(line));
      yield { path: Buffer.from(path, 'base64'), size, changeToken };
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #write(): Promise<void> {
    const text = this.#waiting.join('');
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (text !== '') await this.#file.appendFile(text);
  }
}
