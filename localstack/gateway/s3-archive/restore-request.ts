export interface RestoreRequest {
  readonly days: number;
  readonly tier: 'Expedited' | 'Standard' | 'Bulk';
}

const tiers: readonly RestoreRequest['tier'][] = ['Expedited', 'Standard', 'Bulk'];

/** @returns `undefined` when S3 would call the body malformed. */
export function parseRestoreRequest(body: Uint8Array): RestoreRequest | undefined {
  const xml = Buffer.from(body).toString('utf8');
  const days = Number(/<Days>\s*(\d+)\s*<\/Days>/.exec(xml)?.[1] ?? 0);
  // The tier lies in GlacierJobParameters; older clients put it directly into the request.
  const named = /<Tier>\s*(\w+)\s*<\/Tier>/.exec(xml)?.[1] ?? 'Standard';
  const tier = tiers.find((candidate) => candidate === named);
  return days < 1 || tier === undefined ? undefined : { days, tier };
}
