import { openVault, rebuildCatalog, type RebuildReport } from '@holdfast/engine';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import type { Connection } from '../deployment/connection.ts';
import { ExecutionFailedError } from '../terminal/errors.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { countText, safeText } from '../terminal/text.ts';

const executionsLookedAt = 20;
const packsShown = 20;

export const catalogRebuildCommand = defineCommand({
  name: 'catalog rebuild',
  summary: 'Write the catalog and the chunk index anew from the vault: after a table was lost or damaged.',
  declare: (command) => command,
  async run(context) {
    const connection = await context.connect();
    await checkNothingSweeps(connection);
    const { store, keyring, catalog } = connection.services;
    const index = await connection.openChunkIndex();
    const keys = await openVault({ store, keyring });
    const report = await rebuildCatalog({ store, catalog, index }, keys, {
      onProgress: context.progress.report,
      signal: context.signal,
    });
    if (context.out.json) await context.out.document(report);
    else await print(report, context);
    if (report.failures.count > 0) return exitCodes.failed;
    return report.damagedPacks.length > 0 ? exitCodes.damaged : exitCodes.ok;
  },
});

/** Rule 10 of docs/leases.md: rows are written from what a listing saw, which a sweeper must not change meanwhile. */
async function checkNothingSweeps({ executions }: Connection): Promise<void> {
  const running = (await executions.list('maintenance', executionsLookedAt)).filter(
    ({ status }) => status === 'running',
  );
  const [first] = running;
  if (first === undefined) return;
  throw new ExecutionFailedError(
    `maintenance ${safeText(first.name)} is at work; wait until it has ended, or stop it, and run this again`,
  );
}

async function print(
  { resources, points, packs, chunks, damagedPacks, failures }: RebuildReport,
  { out }: CommandContext,
): Promise<void> {
  await out.line(
    `rebuilt ${countText(resources, 'resource')}, ${countText(points, 'point')}, ${countText(packs, 'pack')}, ` +
      countText(chunks, 'chunk'),
  );
  for (const packId of damagedPacks.slice(0, packsShown))
    await out.line(`damaged: pack ${packId}; "holdfast verify" names the files that need it`);
  if (damagedPacks.length > packsShown) await out.line(`… and ${damagedPacks.length - packsShown} more`);
  for (const message of failures.messages) await out.line(`failed: ${safeText(message)}`);
  if (failures.count > 0) await out.line(`${failures.count} failed; run it again, what is there stays`);
  await out.line('runs and restores are not in the vault, and so not in the catalog any more');
}
