import { openVault, rebuildCatalog, type RebuildPlace, type RebuildReport } from '@holdfast/engine';
import * as z from 'zod';
import { WholeNumber, documentAnswer } from '../terminal/answer.ts';
import { FailureFields } from '../names/row-fields.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import type { Connection } from '../deployment/connection.ts';
import { ExecutionFailedError, UsageError } from '../terminal/errors.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { countText } from '../terminal/text.ts';

const Rebuilt = documentAnswer(
  'always',
  z.strictObject({
    resources: WholeNumber,
    points: WholeNumber,
    packs: WholeNumber,
    chunks: WholeNumber,
    /** Only the first of them. */
    damagedPacks: z.array(z.string()),
    damaged: WholeNumber,
    failures: FailureFields,
  }),
);

const executionsLookedAt = 20;
const packsShown = 20;

export const catalogRebuildCommand = defineCommand({
  name: 'catalog rebuild',
  summary: 'Write the catalog and the chunk index anew from the vault: after a table was lost or damaged.',
  answers: { rebuilt: Rebuilt },
  declare: (command) =>
    command.option('--after <place>', 'go on where an earlier call stopped, as it said when it ended'),
  async run(context, { after }) {
    const from = after === undefined ? undefined : parsePlace(after);
    const connection = await context.connect();
    await checkNothingSweeps(connection);
    const { store, keyring, catalog } = connection.services;
    const index = await connection.openChunkIndex();
    const keys = await openVault({ store, keyring });
    let place: RebuildPlace | undefined;
    let report: RebuildReport;
    try {
      report = await rebuildCatalog({ store, catalog, index }, keys, {
        from,
        onPlace: (reached) => (place = reached),
        onProgress: context.progress.report,
        signal: context.signal,
      });
    } catch (error) {
      if (place !== undefined)
        context.warn(`it can go on from there: holdfast catalog rebuild --after ${placeText(place)}`);
      throw error;
    }
    if (context.out.json) await context.out.answer(Rebuilt, report);
    else await print(report, context);
    if (report.failures.count > 0) return exitCodes.failed;
    return report.damaged > 0 ? exitCodes.damaged : exitCodes.ok;
  },
});

/** A place in a form that a person can copy: `1/4:packs/standard/7f/…`. */
function placeText({ slice, slices, after }: RebuildPlace): string {
  return `${slice + 1}/${slices}:${after}`;
}

function parsePlace(text: string): RebuildPlace {
  const [, slice, slices, after = ''] =
    /^([1-9]\d{0,5})\/([1-9]\d{0,5}):((?:pages|containers|packs)\/[a-z0-9/-]+)?$/.exec(text) ?? [];
  if (slice === undefined || Number(slice) > Number(slices))
    throw new UsageError(`--after "${text}" is no place; write what the earlier call said when it ended`);
  return { slice: Number(slice) - 1, slices: Number(slices), after };
}

/** Rule 10 of docs/leases.md: rows are written from what a listing saw, which a sweeper must not change meanwhile. */
async function checkNothingSweeps({ executions }: Connection): Promise<void> {
  const running = (await executions.list('maintenance', executionsLookedAt)).filter(
    ({ status }) => status === 'running',
  );
  const [first] = running;
  if (first === undefined) return;
  throw new ExecutionFailedError(
    `maintenance ${first.name} is at work; wait until it has ended, or stop it, and run this again`,
  );
}

async function print(
  { resources, points, packs, chunks, damagedPacks, damaged, failures }: RebuildReport,
  { out }: CommandContext,
): Promise<void> {
  await out.line(
    `rebuilt ${countText(resources, 'resource')}, ${countText(points, 'point')}, ${countText(packs, 'pack')}, ` +
      countText(chunks, 'chunk'),
  );
  for (const packId of damagedPacks.slice(0, packsShown))
    await out.line(`damaged: pack ${packId}; "holdfast verify" names the files that need it`);
  if (damaged > packsShown) await out.line(`… and ${damaged - packsShown} more`);
  for (const message of failures.messages) await out.line(`failed: ${message}`);
  if (failures.count > 0) await out.line(`${failures.count} failed; run it again, what is there stays`);
  await out.line('runs and restores are not in the vault, and so not in the catalog any more');
}
