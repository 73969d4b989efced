/**
 * Writes the images of this directory anew: `node packages/disk/test/ntfs/make-images.ts small`, as root, with FUSE and
 * `ntfs-3g` 2022.10.3. Tests cannot mount, and `ntfscp` alone makes neither directories, links nor compressed files. The
 * images are committed as they came out; `everything.ts` says what is in them.
 */
import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { brotliCompressSync, constants } from 'node:zlib';
import { crowd, crowdName, everything, small, type WrittenNode } from './everything.ts';

const unixEpoch = 116_444_736_000_000_000n;
/** One moment for all that is not given, so that the image is small. */
const moment = 1_700_000_000_000_000_000n;

const scratch = mkdtempSync('/tmp/ntfs-images-');
const mountPoint = path.join(scratch, 'mount');
mkdirSync(mountPoint);
const slash = Buffer.from('/');
const at = (name: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from(mountPoint), slash, Buffer.from(name)]);

async function makeImage(
  name: string,
  size: string,
  clusterBytes: number,
  label: string,
  work: () => void,
): Promise<void> {
  const image = path.join(scratch, `${name}.img`);
  execFileSync('truncate', ['-s', size, image]);
  const geometry = `-c ${clusterBytes} -p 0 -H 0 -S 0`.split(' ');
  execFileSync('mkntfs', ['-F', '-q', ...geometry, '-L', label, image]);
  const mount = spawn('ntfs-3g', ['-o', 'compression,streams_interface=xattr,no_detach', image, mountPoint]);
  await setTimeout(2000);
  work();
  const ended = new Promise((resolve) => mount.once('exit', resolve));
  execFileSync('umount', [mountPoint]);
  await ended;
  const packed = brotliCompressSync(readFileSync(image), {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: 2 ** 24,
    },
  });
  writeFileSync(path.join(import.meta.dirname, `${name}.img.br`), packed);
}

/** Sets attributes by Python, which takes names and values that are not text, as `setfattr` does not. */
function setAttributes(all: readonly (readonly [Buffer, string, Buffer])[]): void {
  const script = [
    'import os, sys',
    'for line in sys.stdin:',
    '  os.setxattr(*(bytes.fromhex(word) for word in line.rstrip("\\n").split(" ")))',
  ].join('\n');
  const lines = all.map((words) => words.map((word) => Buffer.from(word).toString('hex')).join(' '));
  execFileSync('python3', ['-c', script], { input: lines.join('\n') });
}

function timesOf(modifiedAt: bigint): Buffer {
  const value = Buffer.alloc(32);
  for (const index of [0, 1, 2, 3])
    value.writeBigInt64LE((index === 1 ? modifiedAt : moment) / 100n + unixEpoch, index * 8);
  return value;
}

function write({ path: name, kind, content, stretches, bytes = 0, of = '' }: WrittenNode): void {
  if (kind === 'directory') mkdirSync(at(name));
  else if (kind === 'hard link') linkSync(at(of), at(name));
  else if (stretches === undefined) writeFileSync(at(name), content ?? '');
  else {
    const handle = openSync(at(name), 'w');
    for (const [offset, stretch] of Object.entries(stretches).reverse())
      writeSync(handle, stretch, 0, stretch.length, Number(offset));
    ftruncateSync(handle, bytes);
    closeSync(handle);
  }
}

function attributesOf(node: WrittenNode): (readonly [Buffer, string, Buffer])[] {
  return Object.entries(node.attributes ?? {}).map(([name, value]) => [at(node.path), name, value]);
}

function fill(nodes: readonly WrittenNode[]): void {
  for (const node of nodes) {
    write(node);
    // At once: what is written into a compressed directory is compressed.
    if (node.attributes?.['system.ntfs_attrib_be'] !== undefined) setAttributes(attributesOf(node));
  }
  setAttributes(nodes.flatMap(attributesOf));
  setAttributes(
    nodes
      .filter(({ attributes }) => attributes?.['system.ntfs_reparse_data'] === undefined)
      .map((node) => [at(node.path), 'system.ntfs_times', timesOf(node.modifiedAt ?? moment)]),
  );
}

function fillCrowd(): void {
  mkdirSync(at('crowd'));
  const files = Array.from({ length: crowd }, (_, index) => at(`crowd/${crowdName(index)}`));
  for (const file of files) writeFileSync(file, '');
  setAttributes(files.map((file) => [file, 'system.ntfs_times', timesOf(moment)]));
}

const images: Readonly<Record<string, () => Promise<void>>> = {
  everything: async () => makeImage('everything', '5M', 512, 'Everything ü', () => fill(everything)),
  crowd: async () => makeImage('crowd', '20M', 4096, 'Crowd', fillCrowd),
  small: async () => makeImage('small', '2M', 1024, 'Small', () => fill(small)),
};
for (const name of process.argv.slice(2)) await images[name]?.();
rmSync(scratch, { recursive: true });
