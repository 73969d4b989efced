import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { compareTrees } from '../trees.ts';
import type { FileSystemName } from './disk-image.ts';

/**
 * @throws when a restored tree differs from its source in a name, a byte, a time, or, unless it is of NTFS, which keeps
 *   neither, in modes or owners.
 */
export function compareCopies(expected: string, actual: string, fileSystem: FileSystemName): void {
  compareTrees(expected, actual);
  for (const path of ['', ...readdirSync(expected, { recursive: true, encoding: 'utf8' })]) {
    const [one, other] = [expected, actual].map((root) => lstatSync(join(root, path), { bigint: true }));
    const exact = fileSystem === 'NTFS' ? 100n : 1n;
    const facts = ({ mtimeNs, mode, uid, gid }: NonNullable<typeof one>): string =>
      [mtimeNs / exact, ...(fileSystem === 'NTFS' ? [] : [mode, uid, gid])].join(' ');
    if (one === undefined || other === undefined || facts(one) !== facts(other))
      throw new Error(
        `${path} was restored with other facts: ${[one, other].map((stats) => stats && facts(stats)).join(', ')}`,
      );
  }
}
