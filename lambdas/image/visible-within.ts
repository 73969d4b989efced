import { safety } from '@holdfast/engine/model';

/** EC2 would have shown by `now` what was ordered then; what it still does not show counts as gone. */
export function isVisibleBy(now: Date, orderedAt: Date): boolean {
  return now.getTime() - orderedAt.getTime() >= safety.ec2VisibleMinutes * 60_000;
}
