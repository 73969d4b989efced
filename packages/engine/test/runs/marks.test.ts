import { expect, test } from 'vitest';
import type { ResourceArn, RunId } from '../../src/ids.ts';
import { newId } from '../../src/bytes.ts';
import { commitPoint } from '../../src/runs/commit-point.ts';
import { openRun } from '../../src/runs/open-run.ts';
import type { PointContent } from '../../src/runs/point-content.ts';
import { FakeClock, makeMemoryServices, SeededRandom } from '../../src/testing/index.ts';

const marks = { known: 1, renamed: 0, knownExamples: ['HOW_TO_DECRYPT.txt'], renamedExamples: [] };
const content: PointContent = {
  counts: {
    files: 0,
    filesChanged: 0,
    filesRemoved: 0,
    logicalBytes: 0,
    readBytes: 0,
    newBytes: 0,
    storedBytes: 0,
  },
  warnings: [],
  unread: { carried: 0, missing: 0 },
  marks,
  pagePacks: [],
  pagePacksCounted: 0,
};

test('names that a run has counted are in the catalog also when the commit was mended from the root', async () => {
  const services = makeMemoryServices(new FakeClock('2026-11-23T12:00:00Z'), new SeededRandom('marks'));
  const opened = await openRun(services, {
    runId: newId<RunId>(services.random),
    resourceArn: 'arn:aws:s3:::photos' as ResourceArn,
    resourceKind: 's3-bucket',
    plan: 'daily',
    type: 'full',
    keepDays: 30,
    readTags: true,
    sourceNow: async () => Promise.resolve(services.clock.now()),
  });
  if (opened.state === 'over') throw new Error('the run is over');
  const { keys, plan } = opened;
  const put = services.catalog.points.put.bind(services.catalog.points);
  services.catalog.points.put = async () => Promise.reject(new Error('the process was killed'));
  const killed = commitPoint(services, keys, plan, async () => Promise.resolve(content));
  await expect(killed).rejects.toThrow('killed');
  services.catalog.points.put = put;

  await commitPoint(services, keys, plan, async () => Promise.reject(new Error('it was made already')));

  expect(await services.catalog.points.find(plan.pointId)).toMatchObject({ marks });
});
