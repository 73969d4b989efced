import { ObjectNotFoundError, UnknownNameError, type WorkStore } from '@holdfast/engine';
import { FailedFile, safety, ShardOutcome } from '@holdfast/engine/model';
import * as z from 'zod';
import { WholeNumber, documentAnswer } from '../terminal/answer.ts';
import { defineCommand } from '../terminal/command.ts';
import { findReport } from '../restore/restore-report.ts';
import { countText } from '../terminal/text.ts';

/** Part of a worker's restore outcome that this command reads. */
const Failures = ShardOutcome.pick({ failed: true });

const Listed = documentAnswer(
  'always',
  z.strictObject({ execution: z.string(), failed: WholeNumber, failures: z.array(FailedFile) }),
);

export const failuresCommand = defineCommand({
  name: 'failures',
  summary: 'Name every file that a restore into a bucket left out, and why.',
  answers: { listed: Listed },
  declare: (command) =>
    command.argument('<execution>', "ARN of the restore's execution, as restore prints it"),
  async run({ connect, out }, _options, execution) {
    const connection = await connect();
    const { status, output } = await connection.executions.get(execution);
    const { details, failed = 0 } = findReport(output) ?? {};
    if (details === undefined) {
      throw new UnknownNameError(
        `execution ${execution} has no report of files, it is ${status}; name one of a restore into a bucket that has ended`,
      );
    }
    const work = connection.openWork(details.bucket);
    const failures: FailedFile[] = [];
    // A restore may have left out more files than fit in memory: lines go out one by one.
    for await (const failure of listFailures(work, details.prefix)) {
      if (out.json) failures.push(failure);
      else await out.line(`not restored: ${failure.path}: ${failure.message}`);
    }
    if (out.json) await out.answer(Listed, { execution, failed, failures });
    else await out.line(`${countText(failed, 'file')} not restored`);
  },
});

async function* listFailures(work: Pick<WorkStore, 'get'>, prefix: string): AsyncGenerator<FailedFile> {
  for (let index = 0; ; index += 1) {
    let bytes: Uint8Array;
    try {
      bytes = await work.get(`${prefix}${index}.json`);
    } catch (error) {
      if (error instanceof ObjectNotFoundError && index > 0) return;
      if (!(error instanceof ObjectNotFoundError)) throw error;
      throw new UnknownNameError(
        `the work bucket has nothing of this restore any more under ${prefix}: what workers leave there is kept for ${safety.workObjectDays} days`,
        { cause: error },
      );
    }
    yield* Failures.parse(JSON.parse(Buffer.from(bytes).toString('utf8'))).failed;
  }
}
