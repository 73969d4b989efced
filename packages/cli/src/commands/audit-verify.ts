import { AuditEntry, type AuditOutcome, verifyAudit } from '@holdfast/engine';
import * as z from 'zod';
import { WholeNumber, documentAnswer } from '../terminal/answer.ts';
import { defineCommand } from '../terminal/command.ts';
import { UsageError } from '../terminal/errors.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import type { Output } from '../terminal/output.ts';
import { countText } from '../terminal/text.ts';

const Verified = documentAnswer(
  'always',
  z.strictObject({
    chains: WholeNumber,
    entries: WholeNumber,
    checkpoints: WholeNumber,
    newest: z.strictObject({ date: z.string(), sha256: z.string() }).optional(),
    problems: z.array(
      z.strictObject({
        problem: z.enum(['removed', 'changed', 'reordered', 'rewritten', 'unrecorded']),
        name: z.string(),
        message: z.string(),
      }),
    ),
    /** Only with `--entries`. */
    log: z.array(AuditEntry.strict()).optional(),
  }),
);

export const auditVerifyCommand = defineCommand({
  name: 'audit verify',
  summary: 'Read the whole audit log, and name every entry that was removed, changed or reordered.',
  answers: { verified: Verified },
  declare: (command) =>
    command
      .option('--entries', 'print every entry besides')
      .option(
        '--checkpoint <sha256>',
        'the newest checkpoint as you kept it: proves that nothing behind it was cut off',
      ),
  async run({ connect, out, signal }, { entries: printEntries, checkpoint }) {
    if (checkpoint !== undefined && !/^[0-9a-f]{64}$/.test(checkpoint))
      throw new UsageError(
        `--checkpoint "${checkpoint}" is not a checkpoint's hash; write its 64 hexadecimal digits`,
      );
    const { services } = await connect();
    const entries: AuditEntry[] | undefined = printEntries === true ? [] : undefined;
    const outcome = await verifyAudit(services.store, {
      signal,
      onEntry: (entry) => void entries?.push(entry),
      keptCheckpoint: checkpoint,
    });
    if (out.json) await out.answer(Verified, { ...outcome, log: entries });
    else await print(outcome, entries ?? [], out);
    return outcome.problems.length > 0 ? exitCodes.damaged : exitCodes.ok;
  },
});

async function print(outcome: AuditOutcome, entries: readonly AuditEntry[], out: Output): Promise<void> {
  for (const { chain, n, at, by, event } of entries) {
    const { kind, ...details } = event;
    await out.line(`${at} ${chain} ${n} ${kind} by ${by}: ${JSON.stringify(details)}`);
  }
  const { problems, newest } = outcome;
  for (const { problem, name, message } of problems) await out.line(`${problem}: ${name}: ${message}`);
  const read =
    `read ${countText(outcome.entries, 'event')} in ${countText(outcome.chains, 'chain')}, ` +
    countText(outcome.checkpoints, 'checkpoint');
  await out.line(`audit log: ${read}: ${problems.length > 0 ? 'TAMPERED WITH' : 'unbroken'}`);
  if (newest !== undefined)
    await out.line(`newest checkpoint: ${newest.date} ${newest.sha256}; keep this hash somewhere else`);
}
