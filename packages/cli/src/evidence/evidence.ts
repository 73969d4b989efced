import type { ProtectionFact } from '@holdfast/aws/inventory';
import type {
  AuditOutcome,
  HoldRow,
  PointRow,
  ResourceArn,
  ResourceStanding,
  RestoreRow,
  StoredState,
} from '@holdfast/engine';
import { judgeFact } from '../doctor/judge-fact.ts';

/** Findings of `evidence` about the points of a resource or plan. */
export interface Evidence {
  /** The name that was asked for. */
  readonly of: string;
  readonly vault: string;
  readonly region: string;
  readonly collectedAt: Date;
  readonly collectedBy: string;
  readonly resources: readonly ResourceStanding[];
  readonly points: readonly PointRow[];
  /** Those whose root, or a page of whose pack map, is damaged or gone: what else they need is not among the objects. */
  readonly unread: readonly UnreadPoint[];
  readonly objects: ObjectSums;
  readonly protection: readonly ProtectionFact[];
  readonly audit: AuditOutcome;
  readonly holds: readonly HoldRow[];
  readonly restores: readonly RestoreRow[];
  /** Newest points that were read as a restore would; absent where nobody asked for it. */
  readonly verified: readonly Verified[] | undefined;
}

export interface UnreadPoint {
  readonly resourceArn: ResourceArn;
  readonly pointId: string;
  readonly problem: string;
}

export interface Verified {
  readonly resourceArn: ResourceArn;
  readonly pointId: string;
  /** `whole`: all of it can be restored. */
  readonly result: 'whole' | 'damaged' | 'not read';
  readonly reason?: string;
}

/** Objects that the points need, as the store described each. */
export interface ObjectSums {
  count: number;
  bytes: number;
  /** By lock mode; `none` without a lock. */
  readonly byMode: Record<string, number>;
  /** The lock that ends first. */
  firstUnlockedAt: Date | undefined;
  /** The first of those that are not kept as long as they are needed. */
  readonly problems: { readonly name: string; readonly problem: string }[];
  problemCount: number;
}

const problemsNamed = 1000;

export function noObjects(): ObjectSums {
  return { count: 0, bytes: 0, byMode: {}, firstUnlockedAt: undefined, problems: [], problemCount: 0 };
}

/** Adds an object to the sums. */
export function addObject(sums: ObjectSums, { name, state, problem }: StoredState): void {
  const mode = state?.lock?.mode ?? 'none';
  sums.count += 1;
  sums.bytes += state?.bytes ?? 0;
  sums.byMode[mode] = (sums.byMode[mode] ?? 0) + 1;
  const until = state?.lock?.until;
  if (until !== undefined && (sums.firstUnlockedAt === undefined || until < sums.firstUnlockedAt))
    sums.firstUnlockedAt = until;
  if (problem === undefined) return;
  sums.problemCount += 1;
  if (sums.problems.length < problemsNamed) sums.problems.push({ name, problem });
}

/** Findings that an auditor should not have to look for. */
export function findingsOf(evidence: Evidence): readonly string[] {
  const { resources, points, unread, objects, protection, audit, verified } = evidence;
  const findings: string[] = [];
  if (points.length === 0) findings.push('there is no recovery point');
  for (const { resource, standing, problem } of resources)
    if (standing !== 'protected')
      findings.push(`${resource.arn} is ${standing}${problem === undefined ? '' : `: ${problem}`}`);
  for (const { pointId, resourceArn, problem } of unread)
    findings.push(
      `point ${pointId} of ${resourceArn} is damaged, and what it needs is not all among the objects: ${problem}`,
    );
  if (objects.problemCount > 0)
    findings.push(
      `${objects.problemCount} of ${objects.count} objects are not kept as long as they are needed`,
    );
  if (objects.byMode['governance'] !== undefined)
    findings.push(
      `${objects.byMode['governance']} objects are locked in governance mode, which s3:BypassGovernanceRetention overrides`,
    );
  for (const fact of protection) {
    const { state, finding } = judgeFact(fact);
    if (state !== 'good') findings.push(`${fact.what}: ${finding}`);
  }
  if (audit.problems.length > 0) findings.push(`the audit log has ${audit.problems.length} problems`);
  if (verified === undefined)
    findings.push('no content was read: --verify reads the newest point of each resource');
  for (const { pointId, result, reason = '' } of verified ?? [])
    if (result !== 'whole') findings.push(`point ${pointId} is ${result}: ${reason}`);
  return findings;
}
