import { expect, test } from 'vitest';
import { ChangedPlaces } from '../src/changed-places.ts';
import { ReadRecorder } from '../src/recorded-reads.ts';

type ChunkIdOf = ConstructorParameters<typeof ReadRecorder>[0]['chunkId'];

async function* none() {}
const findVolume = async () => undefined;

test('what could not be read whole in one point is read again in another', async () => {
  const recorder = new ReadRecorder({ chunkId: () => 'id' as ReturnType<ChunkIdOf> });
  const nothing = await ChangedPlaces.of(none());
  const listed = async (problems: readonly string[]) => recorder.record(async () => ({ problems }));

  expect(await recorder.isSame(await listed([]), nothing, findVolume)).toBe(true);
  // The block that could not be read may be whole there, and no read of it is known.
  expect(await recorder.isSame(await listed(['d3: a block is damaged']), nothing, findVolume)).toBe(false);
});
