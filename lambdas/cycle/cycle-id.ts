import { createHash } from 'node:crypto';
import { compactTime } from '@holdfast/engine';
import type { BackupType } from '@holdfast/engine/model';

/** Execution names have at most 80 characters, of which the longest type and the time take 32. */
const mostPlanCharacters = 48;

/**
 * Names the cycle of one due time of one plan rule, the same however often the schedule is delivered:
 * `<plan>-<type>-<yyyymmddThhmmssZ>`, at most 80 letters, digits, hyphens and underscores. A plan's name that does not
 * fit is cut, and a hash of it appended.
 */
export function cycleIdOf(plan: string, type: BackupType, scheduledAt: Date): string {
  return `${planPart(plan)}-${type}-${compactTime(scheduledAt)}`;
}

function planPart(plan: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(plan) && plan.length <= mostPlanCharacters) return plan;
  const digest = createHash('sha256').update(plan).digest('hex').slice(0, 8);
  const readable = plan.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, mostPlanCharacters - digest.length - 1);
  return `${readable}-${digest}`;
}
