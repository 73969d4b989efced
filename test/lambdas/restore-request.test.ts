import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RestoreRequest } from '@holdfast/engine/model';
import { restoreSchema } from '../../scripts/restore-schema.ts';
import { BUCKET_ARN, makeDeployment, PLENTY } from './support/deployment.ts';
import { backUpBucket, plantFolders } from './support/pipeline.ts';
import { EXECUTION, makeRestoring, TARGET } from './support/restoring.ts';

const POINT = '20260302T020000Z-0123456789abcdef';

test.for([
  ['no point', { target: TARGET }, /either "point", or "resource" and "time"/],
  ['point and time', { point: POINT, time: '2026-01-01T00:00:00Z', target: TARGET }, /either "point"/],
  ['half a name', { resource: BUCKET_ARN, target: TARGET }, /either "point"/],
  ['no target', { point: POINT }, /"target" is missing/],
  [
    'an empty target',
    { point: POINT, target: {} },
    /one of bucket, original, volumes, instance, ami, directory, found none/,
  ],
  [
    'two targets',
    { point: POINT, target: { bucket: 'restores', original: true } },
    /found bucket and original/,
  ],
  [
    'a bucket and a directory',
    { point: POINT, target: { bucket: 'restores', directory: 'here:/d' } },
    /found bucket and directory/,
  ],
  ['a directory without a name', { point: POINT, target: { directory: '' } }, /"target.directory" is ""/],
  [
    'a directory of a long name',
    { point: POINT, target: { directory: 'd'.repeat(1025) } },
    /"target.directory" is/,
  ],
  [
    'nothing at all',
    {},
    /"target" is missing; it is an object: expected either "point", or "resource" and "time" together/,
  ],
  [
    'a URL as bucket',
    { point: POINT, target: { bucket: 's3://my-restores/monday' } },
    /write "bucket": "my-restores" and "prefix": "monday\/";/,
  ],
  [
    'an ARN as bucket',
    { point: POINT, target: { bucket: 'arn:aws:s3:::my-restores' } },
    /write "bucket": "my-restores";/,
  ],
  [
    'a prefix that is no folder',
    { point: POINT, target: { ...TARGET, prefix: 'monday' } },
    /"target.prefix" is "monday": it has no "\/" at its end, so "a.txt" would become "mondaya.txt"/,
  ],
  [
    'several faults',
    { point: 7, paths: 'a', overwrite: 'yes' },
    /"point" is 7: it should be a text; "paths" is "a": it should be a list; "target" is missing; .* "never", "if-different" or "always"/,
  ],
  ['a prefix without bucket', { point: POINT, target: { original: true, prefix: 'a/' } }, /goes with bucket/],
  ['a misspelt setting', { point: POINT, target: TARGET, overwite: 'always' }, /overwite/],
  [
    'an overwrite rule that does not exist',
    { point: POINT, target: TARGET, overwrite: 'yes' },
    /"overwrite" is "yes"/,
  ],
  ['a point id that is none', { point: 'latest', target: TARGET }, /"point" is "latest"/],
  [
    'a time without a zone',
    { resource: BUCKET_ARN, time: '2026-01-01T00:00:00', target: TARGET },
    /"time" is/,
  ],
  ['no paths at all', { point: POINT, target: TARGET, paths: [] }, /"paths" is a list of 0/],
  ['text', 'restore everything', /it is "restore everything"/],
] as const)('input with %s is refused with a message that names it', async ([, request, message]) => {
  const { planRestore } = makeRestoring(makeDeployment());

  await expect(planRestore({ request, execution: EXECUTION }, PLENTY)).rejects.toMatchObject({
    name: 'InvalidInputError',
    message: expect.stringMatching(message),
  });
});

test("no refusal of an input speaks the validator's language", async () => {
  const { planRestore } = makeRestoring(makeDeployment());
  const values = [undefined, null, 5, 'x', [], {}, true];
  const fields = ['point', 'resource', 'time', 'paths', 'target', 'overwrite', 'thaw', 'dryRun'];
  const requests = [
    ...values,
    ...fields.flatMap((field) => values.map((value) => ({ [field]: value }))),
    ...['bucket', 'prefix', 'original', 'volumes', 'directory'].flatMap((field) =>
      values.map((value) => ({ point: POINT, target: { [field]: value } })),
    ),
    { point: POINT, target: { volumes: { availabilityZone: 1, type: 'x', iops: 0.5 } } },
    { point: POINT, target: TARGET, thaw: { speed: 'slow', days: 1000 }, paths: [''] },
  ];

  for (const request of requests) {
    const refusal = await planRestore({ request, execution: EXECUTION }, PLENTY).catch(
      (error: Error) => error,
    );
    expect((refusal as Error).message).not.toMatch(/undefined|received|invalid|too (small|big)|>=|<=/i);
  }
});

test.for([
  [
    'a bucket that is not configured',
    { bucket: 'elsewhere' },
    /elsewhere is not allowed.*restoreTargets.*restores/,
  ],
  ['the original that is not configured', { original: true }, /photos is not allowed/],
  ['the vault, configured or not', { bucket: 'vault' }, /belongs to Holdfast/],
  ['a bucket that does not exist', { bucket: 'gone' }, /gone does not exist/],
  ['volumes', { volumes: { availabilityZone: 'us-east-1a' } }, /no volumes can be made/],
] as const)('files are not restored into %s', async ([, target, message]) => {
  const deployment = makeDeployment();
  plantFolders(deployment);
  const point = await backUpBucket(deployment);
  const { planRestore } = makeRestoring(deployment);

  const plan = planRestore({ request: { point, target }, execution: EXECUTION }, PLENTY);

  await expect(plan).rejects.toThrow(message);
});

test('a point, a path or a time that does not exist is refused with what there is', async () => {
  const deployment = makeDeployment();
  plantFolders(deployment);
  const point = await backUpBucket(deployment);
  const { planRestore } = makeRestoring(deployment);
  const plan = async (request: object) =>
    planRestore({ request: { target: TARGET, ...request }, execution: EXECUTION }, PLENTY);

  await expect(plan({ point: POINT })).rejects.toThrow(`point ${POINT} does not exist`);
  await expect(plan({ point, paths: ['folder-9/'] })).rejects.toThrow('folder-9/');
  await expect(plan({ resource: BUCKET_ARN, time: '2020-01-01T00:00:00Z' })).rejects.toThrow(
    `oldest one is ${point}`,
  );
  await expect(plan({ resource: 'arn:aws:s3:::other', time: '2030-01-01T00:00:00Z' })).rejects.toThrow(
    'none at all',
  );
});

test('the published schema of the input is the one that is checked against', async () => {
  const published = join(import.meta.dirname, '..', '..', 'docs', 'restore-input.schema.json');

  // When this fails: node scripts/write-restore-schema.ts
  expect(await readFile(published, 'utf8')).toBe(restoreSchema());
});

test('the examples in the published schema are valid input', () => {
  const { examples } = JSON.parse(restoreSchema()) as { examples: unknown[] };

  expect(examples.length).toBeGreaterThan(2);
  for (const example of examples) expect(RestoreRequest.safeParse(example).error).toBeUndefined();
});
