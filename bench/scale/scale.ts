import { writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { parseArgs } from 'node:util';
import { putFigures } from '../figures.ts';
import { modelJoin } from './join-model.ts';
import { limits } from './limits.ts';
import { measurePageCpuMs, modelListing } from './list-model.ts';
import { modelRun, type RunModel } from './model-run.ts';
import { curvesOf, figuresOf } from './report-scale.ts';

// `npm run scale`: backups of up to 10^9 objects, by the product's own code on computed listings and modelled services.

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });

const objectBytes = 64 * 1024;
const { newTableWrites, tableWrites } = limits;
/** From 10^9 on, one listed entry stands for a hundred objects; and the index has been warmed, as docs/scale.md says. */
const orders = [
  { objects: 1e6, workers: 5, sample: 1, index: newTableWrites },
  { objects: 1e7, workers: 5, sample: values.quick ? 10 : 1, index: newTableWrites },
  { objects: 1e8, workers: 100, sample: values.quick ? 100 : 1, index: newTableWrites },
  { objects: 1e9, workers: 200, sample: 100, index: tableWrites },
];

const pageCpuMs = await measurePageCpuMs(values.quick ? 20 : 60);
console.error(`a page of a listing takes ${pageCpuMs.toFixed(1)} ms`);
// A group of full size: its shards have a twentieth of their files, as joining waits more than it computes.
const join = await modelJoin(2, 128, values.quick ? 20 : 500);
console.error(`a group is joined in ${join.groupSeconds.toFixed(1)} s`);
const models: { readonly built: RunModel[]; readonly before: RunModel[] } = { built: [], before: [] };
for (const { objects, workers, sample, index } of orders) {
  const listed = await modelListing(objects, objectBytes, pageCpuMs, sample);
  console.error(`${objects} objects were listed in ${(listed.seconds / 3600).toFixed(2)} hours`);
  for (const way of ['built', 'before'] as const)
    models[way].push(
      modelRun({ objects, objectBytes, workers, tableWrites: index.value, way, listed, join }),
    );
}
const results = { pageCpuMs, join, ...models };
const figures = figuresOf(results);
console.log(figures);
if (!values.quick) {
  putFigures('scale.md', { begin: '<!-- figures -->', end: '<!-- end of figures -->' }, figures);
  await writeFile(joinPath(import.meta.dirname, '..', '..', 'docs', 'scale.svg'), curvesOf(results));
}
