import type { App } from './deployed.ts';

/** Share of AWS's waits, also between retries, that workflows wait here; their time limits are those of AWS. */
export const waitScale = 0.25;

/** Shortens waits that begin while something is done, further than those of all tests. MiniStack only. */
export async function withWaitScale<Result>(
  app: Pick<App, 'environment'>,
  scale: number,
  work: () => Promise<Result>,
): Promise<Result> {
  await setWaitScale(app, scale);
  try {
    return await work();
  } finally {
    await setWaitScale(app, waitScale);
  }
}

async function setWaitScale({ environment }: Pick<App, 'environment'>, scale: number): Promise<void> {
  const response = await fetch(`${environment['AWS_ENDPOINT_URL'] ?? ''}/_ministack/config`, {
    method: 'POST',
    body: JSON.stringify({ 'stepfunctions._SFN_WAIT_SCALE': scale }),
  });
  const text = await response.text();
  if (!response.ok || !text.includes('_SFN_WAIT_SCALE'))
    throw new Error(`MiniStack answered the wait scale ${scale} with ${response.status}: ${text}`);
}
