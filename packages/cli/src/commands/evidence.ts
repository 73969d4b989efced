import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  isKept,
  isDamaged,
  listStoredStates,
  openVault,
  type PointRow,
  type PointToVerify,
  type PointVerification,
  type ResourceArn,
  type StoredState,
  verifyAudit,
  type VaultKeys,
  verifyPoints,
} from '@holdfast/engine';
import { isImageKind } from '@holdfast/engine/model';
import * as z from 'zod';
import { WholeNumber, documentAnswer, Time } from '../terminal/answer.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import type { Connection } from '../deployment/connection.ts';
import {
  addObject,
  type Evidence,
  findingsOf,
  noObjects,
  type UnreadPoint,
  type Verified,
} from '../evidence/evidence.ts';
import { evidencePage } from '../evidence/evidence-page.ts';
import { resolvePlanOrResource } from '../names/plan-or-resource.ts';
import { judgeAll } from '../names/resource-standing.ts';
import { UsageError } from '../terminal/errors.ts';
import { type ExitCode, exitCodes } from '../terminal/exit-codes.ts';
import { bytesText, countText } from '../terminal/text.ts';

const files = ['objects.jsonl', 'evidence.json', 'evidence.html'];

const Collected = documentAnswer(
  'always',
  z.strictObject({
    directory: z.string(),
    points: WholeNumber,
    objects: z.strictObject({
      count: WholeNumber,
      bytes: WholeNumber,
      byMode: z.record(z.string(), WholeNumber),
      firstUnlockedAt: Time.optional(),
      /** Only the first of them. */
      problems: z.array(z.strictObject({ name: z.string(), problem: z.string() })),
      problemCount: WholeNumber,
    }),
    findings: z.array(z.string()),
  }),
);

export const evidenceCommand = defineCommand({
  name: 'evidence',
  summary:
    'Write down for an auditor how the points of a resource or plan are kept: locks as S3 has them, policies, trail, audit log.',
  answers: { collected: Collected },
  declare: (command) =>
    command
      .argument('<resource|plan>')
      .requiredOption('--out <directory>', 'a new or empty directory, for JSON and a page')
      .option('--verify', 'read the newest point of each resource as a restore would'),
  async run(context, { out: directory, verify }, name): Promise<ExitCode> {
    await makeEmpty(directory);
    try {
      return await collect(context, { directory, verify: verify === true }, name);
    } catch (error) {
      // Half of it is no evidence, and would stand in the way of the next attempt.
      for (const file of files) await rm(path.join(directory, file), { force: true });
      throw error;
    }
  },
});

async function collect(
  context: CommandContext,
  { directory, verify }: { readonly directory: string; readonly verify: boolean },
  name: string,
): Promise<ExitCode> {
  const connection = await context.connect();
  const { services, deployment } = connection;
  const plans = await deployment.findPlans();
  const wanted = await resolvePlanOrResource(connection, plans, name);
  const now = context.clock.now();
  const points: PointRow[] = [];
  for await (const point of services.catalog.points.listExpiring({})) {
    const isWanted = 'plan' in wanted ? point.plan === wanted.plan : point.resourceArn === wanted.resourceArn;
    if (isWanted && isKept(point, now)) points.push(point);
  }
  points.sort((a, b) => b.sourceTime.getTime() - a.sourceTime.getTime());
  const arns = new Set<ResourceArn>(points.map(({ resourceArn }) => resourceArn));
  const keys = await openVault(services);
  const objects = noObjects();
  const unread: UnreadPoint[] = [];
  const states = listStoredStates({ ...services, keys }, points, {
    now,
    onUnread: ({ resourceArn, pointId }, { message: problem }) =>
      unread.push({ resourceArn, pointId, problem }),
    onProgress: context.progress.report,
    signal: context.signal,
  });
  const lines = async function* () {
    for await (const state of states) {
      addObject(objects, state);
      yield `${JSON.stringify(objectFields(state))}\n`;
    }
  };
  await pipeline(lines, createWriteStream(path.join(directory, 'objects.jsonl'), { flags: 'wx' }));
  const evidence: Evidence = {
    of: name,
    vault: deployment.vaultBucket,
    region: deployment.region,
    collectedAt: now,
    collectedBy: await deployment.findCaller(),
    resources: (await judgeAll(services.catalog, plans, now)).filter(({ resource }) =>
      'plan' in wanted ? resource.plan === wanted.plan : resource.arn === wanted.resourceArn,
    ),
    points,
    unread,
    objects,
    protection: await deployment.readProtection(),
    audit: await verifyAudit(services.store, { signal: context.signal }),
    holds: await Array.fromAsync(services.catalog.holds.list()),
    restores: (await Array.fromAsync(services.catalog.restores.list())).filter(({ resourceArn }) =>
      arns.has(resourceArn),
    ),
    verified: verify ? await verifyNewest(points, keys, connection, context) : undefined,
  };
  await writeFile(
    path.join(directory, 'evidence.json'),
    `${JSON.stringify(documentOf(evidence), null, 2)}\n`,
    {
      flag: 'wx',
    },
  );
  await writeFile(path.join(directory, 'evidence.html'), evidencePage(evidence), { flag: 'wx' });
  await report(evidence, directory, context);
  const isDamagedOrLoose =
    unread.length > 0 ||
    objects.problemCount > 0 ||
    evidence.audit.problems.length > 0 ||
    (evidence.verified ?? []).some(({ result }) => result === 'damaged');
  return isDamagedOrLoose ? exitCodes.damaged : exitCodes.ok;
}

/** @throws {@link UsageError} there is something in it already, which nobody may take for a part of the evidence. */
async function makeEmpty(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  if ((await readdir(directory)).length > 0)
    throw new UsageError(`--out "${directory}" is not empty; name a new directory`);
}

async function verifyNewest(
  points: readonly PointRow[],
  keys: VaultKeys,
  { services: { store } }: Connection,
  { progress, signal }: CommandContext,
): Promise<readonly Verified[]> {
  const newest = new Map<ResourceArn, PointRow>();
  for (const point of points) if (!newest.has(point.resourceArn)) newest.set(point.resourceArn, point);
  const [inSnapshots, inVault] = [
    [...newest.values()].filter(isInSnapshots),
    [...newest.values()].filter((point) => !isInSnapshots(point)),
  ];
  const verified: Verified[] = inSnapshots.map(({ resourceArn, pointId }) => ({
    resourceArn,
    pointId,
    result: 'not read',
    reason: 'its blocks are in EBS snapshots alone',
  }));
  const toVerify = inVault.map((point) => ({ ...point, versionId: point.rootVersionId }));
  const options = { onProgress: progress.report, signal };
  for await (const verification of verifyPoints({ store, keys }, toVerify, options))
    verified.push(verifiedOf(verification));
  return verified;
}

function isInSnapshots({ resourceKind, hasBlocks }: PointRow): boolean {
  return isImageKind(resourceKind) && hasBlocks !== true;
}

function verifiedOf(verification: PointVerification<PointToVerify>): Verified {
  const { resourceArn, pointId } = verification.point;
  const of = { resourceArn, pointId };
  if ('notVerified' in verification)
    return { ...of, result: 'not read', reason: verification.notVerified.message };
  if ('rootLoss' in verification) return { ...of, result: 'damaged', reason: verification.rootLoss.message };
  if (!isDamaged(verification.outcome)) return { ...of, result: 'whole' };
  return { ...of, result: 'damaged', reason: `"holdfast verify ${pointId}" names what cannot be restored` };
}

function objectFields({ name, versionId, kind, keptUntil, state, problem }: StoredState) {
  return {
    name,
    versionId: state?.versionId ?? versionId ?? null,
    kind,
    bytes: state?.bytes ?? null,
    storedAt: state?.storedAt ?? null,
    storageClass: state?.storageClass ?? null,
    lockMode: state?.lock?.mode ?? null,
    lockedUntil: state?.lock?.until ?? null,
    // Without s3:GetObjectLegalHold S3 leaves it out, as it does where there is none.
    legalHold: state?.legalHold ?? null,
    neededUntil: keptUntil,
    problem: problem ?? null,
  };
}

function documentOf(evidence: Evidence) {
  return { findings: findingsOf(evidence), ...evidence, verified: evidence.verified ?? null };
}

async function report(evidence: Evidence, directory: string, { out }: CommandContext): Promise<void> {
  const findings = findingsOf(evidence);
  const { points, objects } = evidence;
  if (out.json) return out.answer(Collected, { directory, points: points.length, objects, findings });
  await out.line(
    `${countText(points.length, 'point')}, ${countText(objects.count, 'object')}, ${bytesText(objects.bytes)}: ` +
      path.join(directory, 'evidence.html'),
  );
  for (const finding of findings) await out.line(`to look at: ${finding}`);
}
