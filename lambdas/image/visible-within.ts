/**
 * How long EC2 may take until it shows what it has answered for: its reads lag behind its writes. What it still does not
 * show then is taken for gone: ordered again where that is safe, or failed. Longer, and a failure is told later; shorter,
 * and snapshots are taken twice. Milliseconds.
 * @see https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html which says to look for some minutes
 */
const VISIBLE_WITHIN_MS = 5 * 60_000;

/** Whether EC2 would have shown by now what was ordered then. */
export function isVisibleBy(now: Date, orderedAt: Date): boolean {
  return now.getTime() - orderedAt.getTime() >= VISIBLE_WITHIN_MS;
}
