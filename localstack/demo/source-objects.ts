import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  PutBucketTaggingCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { forEachConcurrent } from '@holdfast/engine';

/** Least files and bytes of the source, so that many workers have something to do. */
const wanted = { files: 4_000, bytes: 200e6 } as const;
const uploadsAtOnce = 24;

/** One object of the source at some time, with all that a restore promises to bring back. */
export interface ExpectedObject {
  readonly sha256: string;
  readonly bytes: number;
  readonly contentType: string | undefined;
  readonly cacheControl: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

export type ExpectedState = ReadonlyMap<string, ExpectedObject>;

/** Keys that look dangerous or are awkward, and are legal; their tags are no better. */
export const hostileNames = [
  '../../etc/passwd',
  '/leading/slash',
  '$(rm -rf ~)',
  '"; DROP TABLE points; --.sql',
  'folder/',
  'no/bytes.txt',
  'ünïcödé/日本語 🗄.txt',
  'a//b///c',
  'tab\tand\u0001control',
  'red \u001b[31m and \u202egpj.exe',
] as const;
const hostileTags = { 'rm -rf /': '= + @ ../..', awkward: '' } as const;

/** A name as it may be printed: what a terminal would obey, or what turns the direction of text, is escaped. */
export function printable(name: string): string {
  return JSON.stringify(name).replaceAll('\u202e', '\\u202e');
}

export class SourceBucket {
  readonly name: string;
  readonly #s3: S3Client;
  readonly #objects = new Map<string, ExpectedObject>();

  constructor(s3: S3Client, name: string) {
    this.#s3 = s3;
    this.name = name;
  }

  state(): ExpectedState {
    return new Map(this.#objects);
  }

  async fill(packages: string, report: (files: number, bytes: number) => void): Promise<void> {
    await this.#s3.send(new CreateBucketCommand({ Bucket: this.name }));
    let files = 0;
    let bytes = 0;
    await forEachConcurrent(pickFiles(packages), uploadsAtOnce, async ({ key, path }) => {
      const body = readFileSync(path);
      await this.put(key, body, files % 10 === 0 ? { Tagging: `index=${files}&kind=package` } : {});
      files += 1;
      bytes += body.length;
      if (files % 1_000 === 0) report(files, bytes);
    });
    for (const key of hostileNames) {
      const body =
        key === 'no/bytes.txt' || key.endsWith('/') ? '' : `the object with the key ${JSON.stringify(key)}\n`;
      await this.put(key, Buffer.from(body), {
        CacheControl: 'max-age=60',
        Metadata: { origin: 'demo' },
        Tagging: new URLSearchParams(hostileTags).toString().replaceAll('+', '%20'),
      });
    }
    report(this.#objects.size, bytes);
  }

  async tag(key: string, value: string): Promise<void> {
    await this.#s3.send(
      new PutBucketTaggingCommand({ Bucket: this.name, Tagging: { TagSet: [{ Key: key, Value: value }] } }),
    );
  }

  async put(
    key: string,
    body: Uint8Array,
    facts: Pick<PutObjectCommandInput, 'CacheControl' | 'Metadata' | 'Tagging'> = {},
  ): Promise<void> {
    const ContentType = contentTypeOf(key);
    await this.#s3.send(
      new PutObjectCommand({ Bucket: this.name, Key: key, Body: body, ContentType, ...facts }),
    );
    this.#objects.set(key, {
      sha256: createHash('sha256').update(body).digest('hex'),
      bytes: body.length,
      contentType: ContentType,
      cacheControl: facts.CacheControl,
      metadata: facts.Metadata ?? {},
      tags: Object.fromEntries(new URLSearchParams(facts.Tagging ?? '')),
    });
  }

  async rename(from: string, to: string): Promise<void> {
    const CopySource = `${this.name}/${encodeURIComponent(from)}`;
    await this.#s3.send(
      new CopyObjectCommand({ Bucket: this.name, CopySource, Key: to, TaggingDirective: 'COPY' }),
    );
    this.#objects.set(to, this.#objects.get(from) as ExpectedObject);
    await this.remove(from);
  }

  async remove(key: string): Promise<void> {
    await this.#s3.send(new DeleteObjectCommand({ Bucket: this.name, Key: key }));
    this.#objects.delete(key);
  }
}

function contentTypeOf(key: string): string {
  return key.endsWith('.json')
    ? 'application/json'
    : key.endsWith('.js')
      ? 'text/javascript'
      : 'application/octet-stream';
}

/** Picks files of a tree in the order of their paths, until there are enough of them and of their bytes. */
function* pickFiles(root: string): Generator<{ readonly key: string; readonly path: string }> {
  let files = 0;
  let bytes = 0;
  const large: { key: string; path: string; size: number }[] = [];
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const key = `packages/${path.slice(root.length + 1)}`;
    // Caches of tools come and go while the demo runs.
    if (!entry.isFile() || key.startsWith('packages/.')) continue;
    const { size } = statSync(path);
    if (size > 2 ** 20) {
      large.push({ key, path, size });
    } else if (files < wanted.files) {
      files += 1;
      bytes += size;
      yield { key, path };
    }
  }
  for (const { key, path, size } of large.sort((a, b) => a.size - b.size)) {
    if (bytes >= wanted.bytes) return;
    bytes += size;
    yield { key, path };
  }
}
