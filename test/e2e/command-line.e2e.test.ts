import { GetRolePolicyCommand, ListRolePoliciesCommand, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { ListObjectVersionsCommand, PutBucketVersioningCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { GetBucketTaggingCommand } from '@aws-sdk/client-s3';
import { makeRoleClients } from '@holdfast/aws/iam';
import type { RestoreRow, RunId } from '@holdfast/engine';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import type { ExpectedState, SourceBucket } from '../../localstack/demo/source-objects.ts';
import { compareBucket } from '../../localstack/demo/compare-bucket.ts';
import { runHoldfast } from '../../localstack/run-holdfast.ts';
import { holdfast } from './support/command-line.ts';
import { describeUnless, findGap } from '../support/gaps.ts';
import { patienceMs } from '../support/patience.ts';
import { arnOfBucket, listPoints, newestRun } from './support/cycles.ts';
import { openApp } from './support/deployed.ts';
import { eventually } from './support/eventually.ts';
import { waitForEnd } from './support/executions.ts';
import { GatewayClient } from './support/gateway.ts';
import { testBuckets, testPlans } from './support/names.ts';
import { makeTargets, restoreAndCompare } from './support/restores.ts';
import { fill, makeSource, untag } from './support/source-buckets.ts';

const app = openApp();
const gateway = new GatewayClient(app);
const noGateway = await findGap('gateway');
const noPromptStops = await findGap('promptStops');
const noStopCauses = await findGap('stopCauses');
const { commands } = testBuckets.sources;
const arn = arnOfBucket(commands);
/** Large enough for what becomes of its size in the vault to say something. */
const ledger = 'ledger.txt';
let bucket: SourceBucket;
let first: ExpectedState;
/** What the account had without a plan before the bucket was opted in, and after. */
let uncovered: { readonly before: readonly string[]; readonly after: readonly string[] };
/** What became of opting it in. */
let optedIn: { readonly status: string; readonly tags: unknown };

beforeAll(async () => {
  await makeTargets(app);
  bucket = await makeSource(app, commands, { plan: 'nobody', objects: 30 });
  await bucket.put(
    ledger,
    Buffer.from(Array.from({ length: 20_000 }, (_, line) => `line ${line}\n`).join('')),
  );
  await untag(app, commands);
  first = bucket.state();
  const before = await listUncovered();
  const { execution } = (await run('protect', commands, '--plan', testPlans.commands)) as {
    execution: string;
  };
  const { status } = await waitForEnd(app.sfn, execution);
  const { TagSet } = await app.s3.send(new GetBucketTaggingCommand({ Bucket: commands }));
  optedIn = { status, tags: TagSet };
  uncovered = { before, after: await listUncovered() };
  await bucket.put('first/a/0.txt', Buffer.from('changed'));
  await bucket.remove('first/b/1.txt');
  await bucket.put('added.txt', Buffer.from('added'));
});

afterEach(async () => {
  if (noGateway === undefined) await gateway.calm();
});

afterAll(async () => untag(app, commands));

/** Runs a command that has to succeed and parses what it printed. */
async function run(...argv: string[]): Promise<unknown> {
  const { code, out, err } = await holdfast(...argv, '--json');
  expect({ code, err }).toEqual({ code: 0, err: expect.any(String) });
  const lines = out.trim().split('\n');
  try {
    return JSON.parse(out);
  } catch {
    return lines.map((line) => JSON.parse(line) as unknown);
  }
}

function bytesOf(state: ExpectedState): number {
  return [...state.values()].reduce((sum, { bytes }) => sum + bytes, 0);
}

async function listUncovered(): Promise<string[]> {
  const { resources } = (await run('coverage')) as {
    resources: readonly { resourceArn: string; coverage: string }[];
  };
  return resources.flatMap((one) => (one.coverage === 'no-plan' ? [one.resourceArn] : []));
}

/** Runs doctor. @returns its lines about permissions. */
async function lookAtPermissions() {
  const { code, out } = await holdfast('doctor', '--json');
  const { checks } = JSON.parse(out) as {
    checks: readonly { what: string; putBack?: readonly { document: unknown }[] }[];
  };
  return { code, found: checks.filter(({ what }) => what.startsWith('permissions')) };
}

describe('the command line, over the wire', () => {
  test('says what of the account has no plan, and opts it in: tag and first backup', async () => {
    expect(uncovered.before).toContain(arn);
    expect(optedIn).toEqual({
      status: 'SUCCEEDED',
      tags: [{ Key: 'holdfast:plan', Value: testPlans.commands }],
    });
    expect(uncovered.after).not.toContain(arn);
    const [full] = await listPoints(app, arn);
    expect(full?.type).toBe('full');
    const all = { files: first.size, bytes: bytesOf(first) };
    expect(await app.catalog.progress.find(full?.runId as RunId)).toEqual({ ...all, total: all });
  });

  test('says what a resource costs, and writes down how its points are locked', async () => {
    expect(await run('usage', commands)).toMatchObject({
      resources: [{ resourceArn: arn, plan: testPlans.commands, dollars: expect.any(Number) }],
    });

    const directory = await mkdtemp(join(tmpdir(), 'holdfast-e2e-'));
    try {
      expect(await run('evidence', commands, '--out', directory)).toMatchObject({
        objects: { byMode: { governance: expect.any(Number) }, problemCount: 0 },
      });
      expect((await readdir(directory)).sort()).toEqual(['evidence.html', 'evidence.json', 'objects.jsonl']);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('backs up one resource and shows its point', async () => {
    const { point, run: ended } = (await run('backup', commands, '--wait')) as {
      point: { pointId: string; type: string };
      run: { runId: RunId; state: string };
    };

    expect(ended.state).toBe('completed');
    const files = bucket.state().size;
    // An object that is as old as the full may be read again.
    const bytes = (await listPoints(app, arn)).at(-1)?.counts.readBytes;
    expect(bytes).toBeGreaterThanOrEqual('changed'.length + 'added'.length);
    expect(await app.catalog.progress.find(ended.runId)).toEqual({ files, bytes, total: { files } });
    expect(point.type).toBe('incremental');
    expect(await restoreAndCompare(app, point.pointId, bucket.state())).toEqual([]);
  });

  test('shows status, resources, points and runs', async () => {
    expect(await run('status')).toMatchObject({
      vault: { bucket: app.vaultBucket },
      plansKnown: true,
      attention: [],
      resources: { protected: expect.any(Number), overdue: 0, unprotected: 0 },
    });
    expect(await run('resources')).toEqual(
      expect.arrayContaining([expect.objectContaining({ resourceArn: arn, plan: testPlans.commands })]),
    );
    const points = (await run('points', commands)) as readonly { pointId: string }[];
    expect(points.map(({ pointId }) => pointId)).toEqual(
      (await listPoints(app, arn)).map(({ pointId }) => pointId).toReversed(),
    );
    expect(JSON.stringify(await run('runs', '--resource', commands))).toContain('completed');
  });

  test('lists, compares and verifies points', async () => {
    const [full] = await listPoints(app, arn);

    const listed = (await run('ls', full?.pointId ?? '', '--recursive')) as readonly { path: string }[];
    expect(new Set(listed.map(({ path }) => path))).toEqual(new Set(first.keys()));
    const { code, out } = await holdfast('diff', full?.pointId ?? '', `${commands}@latest`);
    expect(code).toBe(0);
    for (const path of ['first/a/0.txt', 'first/b/1.txt', 'added.txt']) expect(out).toContain(path);
    expect(out).not.toContain('first/c/2.txt');
    expect((await holdfast('verify', full?.pointId ?? '')).code).toBe(0);
  });

  test('finds a file that was deleted, and brings it back by what is on the screen', async () => {
    const { code, out } = await holdfast('find', commands, '/first/b/*.txt');
    const next = (await holdfast('find', commands, 'first/b/1.txt')).out;
    const words = /^bring one back: holdfast (?<words>.*) <directory>$/m.exec(next)?.groups?.['words'] ?? '';
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-e2e-'));
    try {
      const restored = await holdfast(...words.split(' '), directory);

      expect(code).toBe(0);
      expect(out).toMatch(/^first\/b\/1\.txt {2}\(not in the newest point\)$/m);
      expect(restored.code).toBe(0);
      expect(await readdir(join(directory, 'first', 'b'))).toEqual(['1.txt']);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  test('quotes a restore, and does it', async () => {
    const [full] = await listPoints(app, arn);
    const target = ['--to-bucket', testBuckets.restored, '--prefix', 'commands/'];

    expect(JSON.stringify(await run('restore', full?.pointId ?? '', ...target, '--quote'))).toContain(
      'files',
    );
    expect(await compareBucket(app.s3, testBuckets.restored, 'commands/', new Map())).toEqual([]);
    const { code } = await holdfast('restore', full?.pointId ?? '', ...target, '--wait');

    expect(code).toBe(0);
    const restores = [await run('restores', '--resource', commands)].flat() as readonly RestoreRow[];
    expect(restores).toEqual(
      expect.arrayContaining([expect.objectContaining({ pointId: full?.pointId, state: 'completed' })]),
    );
    const restored = restores.find((one) => one.target.endsWith('/commands/'));
    const all = { files: first.size, bytes: bytesOf(first) };
    expect(await run('restores', restored?.restoreId ?? '')).toMatchObject({
      state: 'completed',
      progress: { ...all, total: all },
    });
    expect(await compareBucket(app.s3, testBuckets.restored, 'commands/', first)).toEqual([]);
  });

  test('makes a bucket equal to a point: what it has besides goes behind markers, by the caller, once all is back', async () => {
    const [full] = await listPoints(app, arn);
    const [bucketName, prefix] = [testBuckets.restored, 'commands/'];
    const words = ['restore', full?.pointId ?? '', '--to-bucket', bucketName, '--prefix', prefix];
    const exactly = [...words, '--overwrite', 'if-different', '--delete-extra'];
    const Bucket = bucketName;
    for (const Key of [`${prefix}README_DECRYPT.txt`, `${prefix}../up\n`, `${prefix}first/a/0.txt`])
      await app.s3.send(new PutObjectCommand({ Bucket, Key, Body: 'evil' }));
    const versionsOf = async (Status: 'Enabled' | 'Suspended') =>
      app.s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));

    const refused = await holdfast(...exactly, '--yes');
    await versionsOf('Enabled');
    const asked = await holdfast(...exactly);
    const done = (await run(...exactly, '--yes')) as { execution: string };
    const again = (await run('restores', done.execution, '--delete-extra', '--yes')) as object;

    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('keeps no versions') as string });
    expect(asked.out).toContain('  commands/../up\\x0a\n  commands/README_DECRYPT.txt\n');
    expect(asked.code).toBe(2);
    expect(done).toMatchObject({ extra: { removed: 2, leftCount: 0 }, report: { failed: 0 } });
    expect(again).toMatchObject({ extra: { removed: 0, leftCount: 0 } });
    expect(await compareBucket(app.s3, bucketName, prefix, first)).toEqual([]);
    const { Versions } = await app.s3.send(
      new ListObjectVersionsCommand({ Bucket, Prefix: `${prefix}README` }),
    );
    expect(Versions).toMatchObject([{ Size: 4, IsLatest: false }]);
    const { log } = (await run('audit', 'verify', '--entries')) as {
      log: readonly { by: string; event: object }[];
    };
    expect(log.filter(({ by }) => by === done.execution)[0]).toMatchObject({
      event: { kind: 'restore-started', target: `s3://${bucketName}/${prefix} (made equal to the point)` },
    });
    await versionsOf('Suspended');
  });

  test('restores into a directory here, and that is on the audit log', async () => {
    const [full] = await listPoints(app, arn);
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-e2e-'));
    try {
      const done = (await run('restore', full?.pointId ?? '', '--to-directory', directory)) as {
        execution: string;
        written: number;
        failed: unknown[];
      };

      expect(done).toMatchObject({ written: first.size, failed: [] });
      const files = await readdir(directory, { recursive: true, withFileTypes: true });
      expect(files.filter((file) => file.isFile())).toHaveLength(first.size);
      const { problems, log } = (await run('audit', 'verify', '--entries')) as {
        problems: unknown[];
        log: readonly { chain: string; by: string; event: object }[];
      };
      expect(problems).toEqual([]);
      expect(log.filter(({ by }) => by === done.execution)).toMatchObject([
        {
          chain: arn,
          event: {
            kind: 'restore-started',
            point: full?.pointId,
            target: `directory ${hostname()}:${directory}`,
          },
        },
      ]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('holds a point and releases it, and everything that happened is on an unbroken audit log', async () => {
    const [full] = await listPoints(app, arn);
    const id = full?.pointId ?? '';

    const set = (await run('hold', 'set', id, '--reason', 'case 7')) as { holdId: string };
    expect(set).toMatchObject({ action: 'set', points: 1, failures: { count: 0 } });
    expect((await app.catalog.points.find(id as never))?.holds).toEqual([set.holdId]);
    expect(await run('hold', 'release', set.holdId, '--reason', 'over')).toMatchObject({ points: 1 });

    expect((await app.catalog.points.find(id as never))?.holds).toBeUndefined();
    const audit = (await run('audit', 'verify', '--entries')) as {
      problems: unknown[];
      log: readonly { chain: string; by: string; event: { kind: string } }[];
    };
    expect(audit.problems).toEqual([]);
    const log = audit.log.filter(({ chain }) => chain === arn);
    const kinds = log.map(({ event }) => event.kind);
    expect(kinds.slice(0, 2)).toEqual(['commit', 'commit']);
    expect(kinds).toEqual(expect.arrayContaining(['restore-started', 'restore-ended']));
    expect(kinds.slice(-2)).toEqual(['hold-set', 'hold-released']);
    expect(log.at(-1)?.by).toMatch(/^arn:aws/);
  });

  test('says of everything around the data whether it is as it must be', async () => {
    const { out, err } = await holdfast('doctor', '--json');

    expect(err).toBe('');
    const { checks } = JSON.parse(out) as { checks: readonly { what: string; state: string }[] };
    const states = Object.fromEntries(checks.map(({ what, state }) => [what, state]));
    expect(states).toMatchObject({
      version: 'good',
      configuration: 'good',
      deprecations: 'good',
      clock: 'good',
      vault: 'good',
      'object lock of the bucket': 'good',
      'policy of the bucket': 'good',
      'policy of the key': 'good',
      permissions: 'good',
      'functions at once': 'good',
      'blocks of EBS': 'good',
      // Nobody confirms a subscription here.
      alarms: 'attention',
    });
  });

  test('names the permission that somebody took from a function, and what fails without it', async () => {
    const { iam, lambda, ...others } = makeRoleClients({ region: app.region });
    const FunctionName = await app.functionName('count-dead-letters');
    const { Role = '' } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    const RoleName = Role.replace(/^.*\//, '');
    const { PolicyNames: [PolicyName = ''] = [] } = await iam.send(new ListRolePoliciesCommand({ RoleName }));
    const policy = { RoleName, PolicyName };
    const { PolicyDocument = '' } = await iam.send(new GetRolePolicyCommand(policy));
    const whole = decodeURIComponent(PolicyDocument);
    const document = JSON.parse(whole) as { Statement: readonly { Sid: string }[] };
    const narrowed = { ...document, Statement: document.Statement.filter(({ Sid }) => Sid !== 'PutMetrics') };
    const put = async (text: string) =>
      iam.send(new PutRolePolicyCommand({ ...policy, PolicyDocument: text }));
    try {
      await put(JSON.stringify(narrowed));

      const { code, found } = await lookAtPermissions();

      expect(code).toBe(1);
      expect(found).toEqual([
        {
          what: 'permissions of count-dead-letters',
          state: 'attention',
          finding: expect.stringMatching(/^may no longer cloudwatch:PutMetricData on \*: nobody is told /),
          putBack: [{ roleName: RoleName, policyName: PolicyName, document: expect.anything() }],
        },
        expect.objectContaining({ what: 'permissions', state: 'good' }),
      ]);

      await put(JSON.stringify(found[0]?.putBack?.[0]?.document));
      expect((await lookAtPermissions()).found).toEqual([
        expect.objectContaining({ what: 'permissions', state: 'good' }),
      ]);
    } finally {
      await put(whole);
      for (const client of [iam, lambda, ...Object.values(others)]) client.destroy();
    }
  });

  test('finds nothing that a second deployment would change', async () => {
    const { out } = await holdfast('doctor', '--templates', inject('templates'), '--json');

    const { stacks } = JSON.parse(out) as { stacks: readonly { refused: unknown[]; changes: unknown[] }[] };
    expect(stacks).toHaveLength(3);
    expect(stacks.flatMap(({ refused, changes }) => [...refused, ...changes])).toEqual([]);
  });

  test('exits with a code of its own for what does not exist', async () => {
    const { code, err } = await holdfast('verify', '20200101T000000Z-0123456789abcdef');

    expect(code).toBe(3);
    expect(err).toMatch(/20200101T000000Z-0123456789abcdef/);
  });
});

describeUnless(noGateway)('a restore whose program is killed', () => {
  test('goes on, and by its id it is stopped, taken up again and followed to its end', async () => {
    const [full] = await listPoints(app, arn);
    const target = ['--to-bucket', testBuckets.restored, '--prefix', 'again/'];
    await gateway.disturb({
      id: 'slow',
      match: { service: 's3', operation: 'PutObject', bucket: testBuckets.restored },
      // Until the rule is removed.
      action: { kind: 'latency', ms: patienceMs },
    });
    const program = new AbortController();
    const killed = runHoldfast(['restore', full?.pointId ?? '', ...target, '--wait'], program.signal);
    await eventually('a worker that writes', async () =>
      ((await gateway.countFired())['slow'] ?? 0) > 0 ? true : undefined,
    );
    program.abort();

    expect(await killed).toMatchObject({
      code: 130,
      err: expect.stringContaining('"holdfast restores"') as string,
    });
    const [running] = [await run('restores', '--resource', commands)].flat() as Restored[];
    expect(running).toMatchObject({ state: 'running', executionStatus: 'running' });
    const id = running?.restoreId.slice(0, 8) ?? '';
    expect((await holdfast('restores', id, '--again')).err).toContain(
      'is still running; wait for it with --wait',
    );
    expect((await holdfast('restores', id, '--cancel')).out).toContain('is stopped; what it has written');
    if (noPromptStops !== undefined) await gateway.calm();
    expect((await waitForEnd(app.sfn, running?.execution ?? '')).status).toBe('ABORTED');
    // What tells a cancelled restore from others is the error that its execution was stopped with.
    const ended = noStopCauses === undefined ? 'cancelled' : 'failed';
    await eventually('the end of the restore in the catalog', async () => {
      const rows = (await run('restores', '--resource', commands)) as Restored[];
      return rows.find(({ restoreId, state }) => restoreId.startsWith(id) && state === ended);
    });
    await gateway.calm();
    const { execution } = (await run('restores', id, '--again')) as { execution: string };
    const { code, out } = await holdfast('restores', execution, '--wait');

    expect({ code, out }).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^state +completed$/m) as string,
    });
    expect(await compareBucket(app.s3, testBuckets.restored, 'again/', first)).toEqual([]);
  });
});

interface Restored {
  readonly restoreId: string;
  readonly state: string;
  readonly execution: string;
}

describeUnless(noGateway)('a run that is cancelled at work', () => {
  test('makes no point and frees its resource, and the next run works', async () => {
    await fill(bucket, 'before-the-cancelled-run', 20);
    const before = await listPoints(app, arn);
    await gateway.disturb({
      id: 'slow',
      match: { service: 's3', operation: 'GetObject', bucket: commands },
      // Until the rule is removed.
      action: { kind: 'latency', ms: patienceMs },
    });
    const { runId, execution } = (await run('backup', commands)) as { runId: string; execution: string };
    await eventually('a worker that reads', async () =>
      ((await gateway.countFired())['slow'] ?? 0) > 0 ? true : undefined,
    );

    const { out } = await holdfast('cancel', runId);
    if (noPromptStops !== undefined) await gateway.calm();

    expect(out).toContain(`run ${runId} of ${arn} is cancelled`);
    expect((await waitForEnd(app.sfn, execution)).status).toBe('ABORTED');
    expect(await newestRun(app, arn)).toMatchObject({ runId, state: 'cancelled' });
    await gateway.calm();
    // While the cancelled worker is still at it.
    const { code, err } = await holdfast('backup', commands, '--wait');
    expect({ code, err }).toMatchObject({ code: 0 });
    const points = await listPoints(app, arn);
    expect(points).toHaveLength(before.length + 1);
    expect(points.at(-1)?.runId).not.toBe(runId);
    expect(await restoreAndCompare(app, points.at(-1)?.pointId ?? '', bucket.state())).toEqual([]);
  });
});

describe('an attack', () => {
  test('makes a point with its signs, and @latest-clean gives back what was there before', async () => {
    const clean = bucket.state();
    await attack();
    expect(await holdfast('backup', commands, '--wait')).toMatchObject({ code: 0 });
    const [attacked, before] = (await run('points', commands)) as readonly {
      pointId: string;
      suspicion?: { signs: readonly { sign: string }[] };
    }[];
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-e2e-'));
    try {
      const shown = await holdfast('points', commands);
      const { pointId } = (await run('restore', `${commands}@latest-clean`, '--to-directory', directory)) as {
        pointId: string;
      };

      const signs = attacked?.suspicion?.signs.map(({ sign }) => sign);
      expect(signs).toEqual(expect.arrayContaining(['incompressible', 'names']));
      expect(before).not.toHaveProperty('suspicion');
      expect(shown.out).toMatch(
        /may be of an attack: [^]*new data compresses to \d+ % [^]*like README_DECRYPT\.txt/,
      );
      expect(pointId).toBe(before?.pointId);
      expect(await hashFiles(directory)).toEqual(
        new Map([...clean].map(([key, { sha256 }]) => [key, sha256])),
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

/** Rewrites every object, so that it cannot be told from noise, and leaves a note. */
async function attack(): Promise<void> {
  for (const [key, { bytes }] of bucket.state()) await bucket.put(key, randomBytes(bytes));
  await bucket.put('README_DECRYPT.txt', Buffer.from('pay'));
}

async function hashFiles(directory: string): Promise<Map<string, string>> {
  const hashes = new Map<string, string>();
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    hashes.set(
      relative(directory, path),
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    );
  }
  return hashes;
}
