// One step of the benchmark in a process of its own:
// node holdfast-step.ts full|incremental|restore <vault directory> <source or target directory> <workers>
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backUpDirectory, createKeyFile, restoreDirectory, systemRandom } from '@holdfast/node';
import type { PointId, ResourceArn } from '@holdfast/engine';

const [step, at = '', directory = '', workers = '2'] = process.argv.slice(2);
const vault = { root: join(at, 'vault'), keyFile: join(at, 'key') };
const pointFile = join(at, 'point.json');
const options = { vault, directory, workers: Number(workers) };

if (step === 'restore') {
  const point = JSON.parse(readFileSync(pointFile, 'utf8')) as { resourceArn: ResourceArn; pointId: PointId };
  const outcome = await restoreDirectory({ ...options, ...point, overwrite: 'never' });
  if (outcome.failed.length > 0) throw new Error(`${outcome.failed.length} files were not restored`);
} else {
  if (step === 'full') {
    mkdirSync(at, { recursive: true });
    await createKeyFile(vault.keyFile, systemRandom);
  }
  const { root } = await backUpDirectory({
    ...options,
    type: step === 'full' ? 'full' : 'incremental',
    keepDays: 35,
  });
  writeFileSync(pointFile, JSON.stringify({ resourceArn: root.resource, pointId: root.point }));
}
