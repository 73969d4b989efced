// node copy-mounted.ts <file system> <image> <directory>: mounts an image, and copies its tree.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type FileSystemName, whileMounted } from './disk-image.ts';

const [name, image = '', to = ''] = process.argv.slice(2);
whileMounted(name as FileSystemName, image, (directory) =>
  execFileSync('cp', ['-a', join(directory, 'tree'), to]),
);
