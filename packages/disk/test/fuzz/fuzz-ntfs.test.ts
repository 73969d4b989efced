import { test } from 'vitest';
import { unpackImage } from '../support/ntfsprogs.ts';
import { fuzzImage } from './fuzz-image.ts';
import { usedStretches } from './mutate-image.ts';

const clusterBytes = 1024;
const blockClusters = 4;

/** True of what is in a record, or in a block of an index: most of an image is its log, and a table of letters. */
function isMetadata(image: Buffer, at: number): boolean {
  const cluster = at - (at % clusterBytes);
  const begins = (place: number, kind: string): boolean =>
    image.toString('latin1', place, place + 4) === kind;
  if (at < clusterBytes || begins(cluster, 'FILE')) return true;
  const before = Array.from({ length: blockClusters }, (_, index) => cluster - index * clusterBytes);
  return before.some((place) => place >= 0 && begins(place, 'INDX'));
}

test('mutants of NTFS are read, or refused, with little effort', async () => {
  const image = unpackImage('small');
  const used = usedStretches(image).filter((at) => isMetadata(image, at));

  await fuzzImage(image, ['file number 77', 'TEXT', 'te~1', 'text:note'], { used });
});
