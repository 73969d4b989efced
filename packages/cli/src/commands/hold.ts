import {
  type HoldRow,
  holdScopeText,
  type HoldPlan,
  planHold,
  toHex,
  UnknownNameError,
  type Catalog,
} from '@holdfast/engine';
import { HoldReport, type HoldRequest, longestHoldText, type HoldScope } from '@holdfast/engine/model';
import * as z from 'zod';
import { FailureFields, HoldFields, ScopeFields } from '../names/row-fields.ts';
import { WholeNumber, documentAnswer, Time } from '../terminal/answer.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import type { Connection } from '../deployment/connection.ts';
import { ExecutionFailedError, UsageError } from '../terminal/errors.ts';
import { parseOutput, failureText, waitForExecution } from '../deployment/executions.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { findPointOrResource } from '../names/resolve-point.ts';
import { idDigits, ids, prose, times } from '../terminal/table.ts';
import { countText, timeText } from '../terminal/text.ts';

const Planned = documentAnswer(
  'with --dry-run',
  z.strictObject({
    scope: ScopeFields,
    points: WholeNumber,
    prolonged: WholeNumber,
    prolongedUntil: Time.optional(),
  }),
);
const Driven = documentAnswer(
  'when all its points are held, or let go',
  z.strictObject({
    action: HoldReport.shape.action,
    execution: z.string(),
    holdId: z.string(),
    points: WholeNumber,
    gone: WholeNumber,
    failures: FailureFields,
  }),
);
const Listed = documentAnswer('always', z.array(HoldFields));

export const holdSetCommand = defineCommand({
  name: 'hold set',
  summary:
    'Keep a point, all points of a resource, or of all resources with a tag, until the hold is released.',
  answers: { planned: Planned, held: Driven },
  declare: (command) =>
    command
      .argument('[point|resource]')
      .option(
        '--tag <key=value>',
        'instead of a name: resources that carry this tag, by what discovery saw last',
      )
      .option('--reason <text>', 'needed: why, for whoever has to decide about the release')
      .option('--dry-run', 'say what it would keep, and which locks it would move; change nothing'),
  async run(context, { tag, reason, dryRun }, name) {
    if ((tag === undefined) === (name === undefined))
      throw new UsageError('name a point or a resource, or a tag with --tag key=value');
    const why = reasonOption(reason);
    const tagged = tag === undefined ? undefined : tagScope(tag);
    const connection = await context.connect();
    const scope = tagged ?? (await namedScope(connection, name ?? '', context.clock.now()));
    const plan = await planHold(connection.services.catalog, scope, context.clock.now());
    if (dryRun === true && context.out.json) await context.out.answer(Planned, { scope, ...plan });
    if (!context.out.json) await printPlan(plan, scope, context);
    if (dryRun === true) return exitCodes.ok;
    const by = await connection.deployment.findCaller();
    return drive({ action: 'set', scope, by, reason: why }, connection, context, holdScopeText(scope));
  },
});

export const holdReleaseCommand = defineCommand({
  name: 'hold release',
  summary: 'Let go of what a hold keeps; retention decides again.',
  answers: { released: Driven },
  declare: (command) =>
    command.argument('<hold>').option('--reason <text>', 'needed: who decided that nobody needs it any more'),
  async run(context, { reason }, text) {
    const why = reasonOption(reason);
    const connection = await context.connect();
    const hold = await resolveHold(connection.services.catalog, text);
    const by = await connection.deployment.findCaller();
    const request: HoldRequest = { action: 'release', hold: hold.holdId, by, reason: why };
    return drive(request, connection, context, holdScopeText(hold.scope));
  },
});

export const holdListCommand = defineCommand({
  name: 'hold list',
  summary: 'List legal holds: what they keep, who set them and why.',
  answers: { listed: Listed },
  declare: (command) => command.option('--all', 'those too that have been released'),
  async run({ connect, out }, { all }) {
    const { catalog } = (await connect()).services;
    const holds: HoldRow[] = [];
    for await (const hold of catalog.holds.list())
      if (all === true || hold.releasedAt === undefined) holds.push(hold);
    if (out.json) await out.answer(Listed, holds);
    else
      await out.table(
        [
          ids('HOLD', idDigits),
          'KEEPS',
          times('SET'),
          'BY',
          ...(all === true ? [times('RELEASED')] : []),
          prose('REASON'),
        ],
        holds.map(({ holdId, scope, setAt, setBy, releasedAt, reason }) => [
          holdId,
          holdScopeText(scope),
          setAt,
          setBy,
          ...(all === true ? [releasedAt] : []),
          reason,
        ]),
      );
  },
});

/** Prints what the hold does to locks before it does it: nobody can take a lock back. */
async function printPlan(
  { points, prolonged, prolongedUntil }: HoldPlan,
  scope: HoldScope,
  { out }: CommandContext,
): Promise<void> {
  await out.line(`a hold on ${holdScopeText(scope)} keeps ${countText(points, 'point')}`);
  if (prolongedUntil === undefined) return;
  await out.line(
    `${countText(prolonged, 'point')} would expire soon: locked until ${timeText(prolongedUntil)} at the latest, ` +
      'and longer for as long as the hold lasts; no release takes such a lock back',
  );
}

function reasonOption(text: string | undefined): string {
  if (text === undefined || text.trim() === '')
    throw new UsageError('say why with --reason; it is kept with the hold and on the audit log');
  if (text.length > longestHoldText)
    throw new UsageError(`--reason has ${text.length} characters; write ${longestHoldText} at most`);
  return text;
}

function tagScope(tag: string): HoldScope {
  const at = tag.indexOf('=');
  if (at < 1) throw new UsageError(`--tag "${tag}" is not a tag; write --tag key=value`);
  return { kind: 'tag', key: tag.slice(0, at), value: tag.slice(at + 1) };
}

async function namedScope({ services }: Connection, name: string, now: Date): Promise<HoldScope> {
  const found = await findPointOrResource(services.catalog, name, now);
  return 'pointId' in found
    ? { kind: 'point', pointId: found.pointId }
    : { kind: 'resource', resourceArn: found.resourceArn };
}

/**
 * @throws {@link UnknownNameError} no hold has that id, or begins so.
 * @throws {@link UsageError} several do.
 */
async function resolveHold(catalog: Catalog, text: string): Promise<HoldRow> {
  const found: HoldRow[] = [];
  for await (const hold of catalog.holds.list())
    if (text !== '' && hold.holdId.startsWith(text)) found.push(hold);
  const [hold] = found;
  if (hold === undefined)
    throw new UnknownNameError(`hold "${text}" does not exist; "holdfast hold list" names those that do`);
  if (found.length > 1)
    throw new UsageError(
      `"${text}" may be any of ${found.map(({ holdId }) => holdId).join(', ')}; write more of it`,
    );
  return hold;
}

async function drive(
  request: HoldRequest,
  { executions, services }: Connection,
  { out, clock, signal, progress }: CommandContext,
  what: string,
) {
  const name = `hold-${request.action}-${toHex(services.random.bytes(8))}`;
  const execution = await executions.start('hold', name, request);
  const state = await waitForExecution(execution, {
    executions,
    clock,
    signal,
    onLook: (seconds) => progress.note(`${request.action} a hold on ${what}: ${Math.round(seconds)} s`),
  });
  if (state.status !== 'succeeded') throw new ExecutionFailedError(`the hold failed: ${failureText(state)}`);
  const result = parseOutput(state.output, HoldReport.omit({ action: true }));
  if (result === undefined) throw new ExecutionFailedError(`execution ${execution} ended without a result`);
  const { hold, points, gone, failures } = result;
  if (out.json)
    await out.answer(Driven, { action: request.action, execution, holdId: hold, points, gone, failures });
  else {
    const verb = request.action === 'set' ? 'keeps' : 'lets go of';
    await out.line(`hold ${hold} ${verb} ${what}: ${countText(points, 'point')}`);
    if (gone > 0) await out.line(`${countText(gone, 'point')} had expired and could not be held any more`);
    for (const message of failures.messages) await out.line(`failed: ${message}`);
    if (failures.count > 0)
      await out.line(`${countText(failures.count, 'point')} failed; maintenance tries again every day`);
  }
  return failures.count > 0 ? exitCodes.failed : exitCodes.ok;
}
