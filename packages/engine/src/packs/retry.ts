import { StoreUnavailableError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';

export interface RetryPolicy {
  readonly attempts: number;
  /** The first wait is up to this long; each further one up to twice the one before. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

/** Six attempts over about ten seconds: the adapters below have retried throttles by themselves already. */
export const defaultRetryPolicy: RetryPolicy = { attempts: 6, firstDelayMs: 500, maxDelayMs: 8_000 };

export interface RetryPorts {
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/** Waits a random time before an attempt (the first is 1), so that workers that failed together part. */
export async function waitBeforeAttempt(
  attempt: number,
  { clock, random }: RetryPorts,
  policy: RetryPolicy,
  signal?: AbortSignal,
): Promise<void> {
  if (attempt <= 1) return;
  const ceiling = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (attempt - 2));
  const share = Buffer.from(random.bytes(4)).readUInt32BE(0) / 2 ** 32;
  await clock.sleep(Math.ceil(ceiling * share), signal);
}

/**
 * Repeats a call while it fails with a {@link StoreUnavailableError}; the repetition must do no harm. The last failure
 * is thrown.
 */
export async function retryUnavailable<Result>(
  call: (attempt: number) => Promise<Result>,
  ports: RetryPorts,
  policy: RetryPolicy,
  signal?: AbortSignal,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    await waitBeforeAttempt(attempt, ports, policy, signal);
    try {
      return await call(attempt);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) || attempt >= policy.attempts) throw error;
    }
  }
}
