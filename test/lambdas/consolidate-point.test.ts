import { expect, test } from 'vitest';
import { consolidatePointStep } from '../../lambdas/protect/consolidate-point.ts';
import { BUCKET_ARN, type Deployment, makeDeployment, PLENTY } from './support/deployment.ts';
import { makePipeline, protectFiles, TAGGED_BUCKET } from './support/pipeline.ts';
import { makeRestoring, restoreFiles } from './support/restoring.ts';

const RUN = 'b'.repeat(32);

async function openConsolidation(deployment: Deployment) {
  const pipeline = makePipeline(deployment);
  for (let file = 0; file < 10; file += 1) deployment.source.plant(`file-${file}`, `content ${file}`);
  const item = { ...TAGGED_BUCKET, resourceArn: BUCKET_ARN, runId: 'a'.repeat(32) };
  await protectFiles(deployment, pipeline, item);
  deployment.clock.advance(60_000);
  const opened = await pipeline.openRun({ ...item, runId: RUN, type: 'synthetic-full' }, PLENTY);
  return { opened, consolidate: consolidatePointStep.over(deployment) };
}

test('a synthetic full is one container that restores by itself, without reading the source', async () => {
  const deployment = makeDeployment();
  const { opened, consolidate } = await openConsolidation(deployment);
  const readBefore = deployment.source.bytesRead;

  const output = await consolidate({ runId: RUN, state: null }, PLENTY);
  const restoring = makeRestoring(deployment);
  const request = { point: output.done && output.pointId, target: { bucket: 'restores' } };
  const report = await restoreFiles(deployment, restoring, request);

  expect(opened.mode).toBe('consolidate');
  expect(output).toMatchObject({ done: true, type: 'synthetic-full', state: 'completed', files: 10 });
  expect(deployment.source.bytesRead).toBe(readBefore);
  expect(report).toMatchObject({ written: 10, failed: 0 });
});

/** Each call gets this much time, of which every look at the clock takes some. */
const runsOut = (milliseconds: number) => {
  let left = milliseconds;
  return { getRemainingTimeInMillis: () => (left -= 100) };
};

test.each([240_000, 240_300, 241_000])(
  'calls of %i ms hand on to each other until the container is complete',
  async (milliseconds) => {
    const deployment = makeDeployment();
    const { consolidate } = await openConsolidation(deployment);
    let calls = 0;
    let output: Awaited<ReturnType<typeof consolidate>> = { done: false, state: null };

    while (!output.done) {
      output = await consolidate({ runId: RUN, state: null }, runsOut(milliseconds));
      calls += 1;
      // The time of a call decides how many there are, never whether they end.
      expect(calls).toBeLessThan(60);
    }

    expect(calls).toBeGreaterThan(1);
    expect(output).toMatchObject({ done: true, files: 10 });
    expect(JSON.stringify(output).length).toBeLessThan(256 * 1024);
  },
);

test('a call whose answer was lost gives the point that it committed', async () => {
  const deployment = makeDeployment();
  const { consolidate } = await openConsolidation(deployment);

  const first = await consolidate({ runId: RUN, state: null }, PLENTY);
  const second = await consolidate({ runId: RUN, state: null }, PLENTY);

  expect(second).toMatchObject({ done: true, pointId: first.done && first.pointId });
});
