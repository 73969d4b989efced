// node restore-dense.ts <image> <bytes>: restores /large of a dense image into a target that compares and forgets.
import { type PointReader, restoreEntries, type RestoreTarget } from '@holdfast/engine';
import { ImageSource, openPointImage } from '@holdfast/image-files';
import { DenseVolume, expectedAt, placeOf } from './dense-volume.ts';

const [image = '', bytes = ''] = process.argv.slice(2);
const volume = new DenseVolume(image);
const record = { volume: 'vol-1', snapshot: 'snap-1', device: '/dev/xvda' };
const reader = { root: { image: { snapshots: [record] } } } as unknown as PointReader;
const disk = openPointImage(reader, { openSnapshots: async () => Promise.resolve(volume) });

const target: RestoreTarget = {
  naming: 'flat',
  write: async (_entry, content) => {
    let offset = 0;
    for await (const piece of content)
      for (let done = 0; done < piece.length;) {
        const expected = expectedAt(placeOf(offset), piece.length - done);
        if (Buffer.compare(expected, piece.subarray(done, done + expected.length)) !== 0)
          throw new Error(`other bytes than expected from ${offset} on`);
        done += expected.length;
        offset += expected.length;
      }
    if (offset !== Number(bytes)) throw new Error(`${offset} bytes instead of ${bytes}`);
    return 'written';
  },
  accepts: async () => Promise.resolve(true),
  finish: async () => Promise.resolve([]),
};
const source = new ImageSource(disk, ['/dev/xvda/large']);
const { written, failed } = await restoreEntries(source, { range: {}, target, overwrite: 'never' });
if (written !== 1) throw new Error(`the file was not restored: ${JSON.stringify(failed)}`);
console.log(volume.reads);
volume.close();
