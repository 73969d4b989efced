import type { AuditLog, Catalog, Clock, RestoreRow } from '@holdfast/engine';

export interface CloseRestoreDeps {
  readonly catalog: Catalog;
  /** Told of every restore that ended. */
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
}

type End = Pick<RestoreRow, 'state' | 'files' | 'bytes' | 'error'>;

/** Puts the end of a restore on the log, then into the catalog. */
export async function closeRestore(
  { catalog, audit, clock }: CloseRestoreDeps,
  row: RestoreRow,
  end: End,
): Promise<void> {
  const { restoreId, resourceArn, execution } = row;
  const { error: _error, ...logged } = end;
  await audit.append({
    chain: resourceArn,
    id: `restore-ended ${restoreId}`,
    by: execution ?? restoreId,
    event: { kind: 'restore-ended', restore: restoreId, ...logged },
  });
  await catalog.restores.put({ ...row, ...end, endedAt: clock.now() });
}
