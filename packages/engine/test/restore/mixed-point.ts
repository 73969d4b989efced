import type { PointReader } from '../../src/restore/point-reader.ts';
import { Harness } from '../runs/harness.ts';

/** A point of eight small files in a few directories. */
export async function mixed(): Promise<{ harness: Harness; reader: PointReader }> {
  const harness = new Harness('mixed');
  for (const path of ['a', 'a/1', 'a/2', 'a/b/3', 'ab', 'b/1', '../../etc/passwd', 'z']) {
    harness.source.plant(path, `content of ${path}`);
  }
  const { root } = await harness.backUp('full');
  return { harness, reader: await harness.open(root.point) };
}
