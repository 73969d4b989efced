import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { debugfs, makeExtImage } from '@holdfast/disk/testing';

const comment = 'of the machine';

/** Makes a tree, and an ext4 with it as a partition has it. */
export function makeFileSystem(folder: string): { readonly tree: string; readonly image: Buffer } {
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'etc/ssh'), { recursive: true, mode: 0o755 });
  writeFileSync(join(tree, 'etc/passwd'), 'root:x:0:0\n', { mode: 0o640 });
  writeFileSync(join(tree, 'etc/ssh/key'), Buffer.alloc(1_500_000, 'a key '), { mode: 0o600 });
  writeFileSync(join(tree, 'etc/sparse'), 'begins');
  truncateSync(join(tree, 'etc/sparse'), 2 ** 20);
  symlinkSync('ssh/key', join(tree, 'etc/link'));
  writeFileSync(join(tree, 'log'), 'one line\n');
  const commands = [`ea_set /etc/passwd user.comment "${comment}"`];
  const image = readFileSync(
    makeExtImage(join(folder, 'image'), { size: '4M', tree, features: '^has_journal', commands }),
  );
  return { tree, image };
}

/** Writes the file system that was made as somebody leaves it who writes `log` anew, and adds `new`. */
export function changeFileSystem(folder: string): Buffer {
  const [image, content] = [join(folder, 'image'), join(folder, 'content')];
  writeFileSync(content, 'one line\nand another\n');
  debugfs(image, ['rm /log', `write ${content} log`, `write ${content} new`]);
  return readFileSync(image);
}

/** Paths below a directory, those of directories with a `/` at the end. */
function pathsBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((one) => join(one.parentPath, one.name).slice(directory.length + 1) + (one.isDirectory() ? '/' : ''))
    .sort();
}

/** Facts of a file by which it is compared; times in seconds, as mke2fs copies no more. */
function factsOf(file: string) {
  const stats = lstatSync(file);
  return {
    mode: stats.isSymbolicLink() ? 0o120777 : stats.mode,
    uid: stats.uid,
    modified: Math.floor(stats.mtimeMs / 1_000),
    content: stats.isSymbolicLink()
      ? readlinkSync(file)
      : stats.isFile()
        ? readFileSync(file).toString('base64')
        : '',
  };
}

function textOf(file: string): string {
  try {
    return JSON.stringify(factsOf(file));
  } catch {
    return 'nothing';
  }
}

/** @returns paths of which the trees have something different. */
export function compareTrees(tree: string, restored: string): string[] {
  const paths = [...new Set([...pathsBelow(tree), ...pathsBelow(restored)])];
  return paths.filter((path) => textOf(join(tree, path)) !== textOf(join(restored, path)));
}

/** The comment on a file, where the file system at hand has such attributes. */
export function commentIsOn(file: string): boolean {
  const program = `import os, sys
print(os.getxattr(sys.argv[1], 'user.comment').decode())`;
  return execFileSync('python3', ['-c', program, file], { encoding: 'utf8' }).trim() === comment;
}

/** @returns paths whose object is not as the file was. */
export async function compareWithObjects(
  s3: S3Client,
  tree: string,
  { Bucket, prefix }: { readonly Bucket: string; readonly prefix: string },
): Promise<string[]> {
  const differing: string[] = [];
  for (const path of pathsBelow(tree)) {
    const wanted = factsOf(join(tree, path));
    const object = await s3
      .send(new GetObjectCommand({ Bucket, Key: `${prefix}${path}` }))
      .catch(() => undefined);
    const content = Buffer.from((await object?.Body?.transformToByteArray()) ?? []);
    const found = {
      mode: Number.parseInt(object?.Metadata?.['file-permissions'] ?? '', 8),
      uid: Number(object?.Metadata?.['file-owner']),
      modified: Number(object?.Metadata?.['file-mtime']?.slice(0, -11)),
      content: wanted.mode === 0o120777 ? content.toString('utf8') : content.toString('base64'),
    };
    if (JSON.stringify(found) !== JSON.stringify(wanted)) differing.push(path);
  }
  return differing;
}
