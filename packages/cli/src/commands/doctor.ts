import { productVersion } from '@holdfast/engine/model';
import * as z from 'zod';
import { documentAnswer } from '../terminal/answer.ts';
import { defineCommand } from '../terminal/command.ts';
import { examineDeployment, type CheckResult } from '../doctor/examine-deployment.ts';
import { type ExitCode, exitCodes } from '../terminal/exit-codes.ts';
import { countText } from '../terminal/text.ts';

const Examined = documentAnswer(
  'always',
  z.strictObject({
    checks: z.array(
      z.strictObject({
        what: z.string(),
        state: z.enum(['good', 'attention', 'unknown']),
        finding: z.string(),
      }),
    ),
  }),
);

export const doctorCommand = defineCommand({
  name: 'doctor',
  summary:
    'Check what has to be right around the data: versions, keys, locks, trail, quotas, alarms, maintenance.',
  answers: { examined: Examined },
  declare: (command) => command,
  async run(context): Promise<ExitCode> {
    const { out, connect } = context;
    const results: CheckResult[] = [];
    for await (const result of examineDeployment(await connect(), productVersion, context)) {
      results.push(result);
      if (!out.json)
        await out.stateLine(
          result.state,
          `${' '.repeat(11 - result.state.length)}${result.what}: ${result.finding}`,
        );
    }
    const of = (state: CheckResult['state']) => results.filter((one) => one.state === state).length;
    if (out.json) await out.answer(Examined, { checks: results });
    else
      await out.line(
        `${countText(results.length, 'check')}: ${of('good')} good, ${of('attention')} need attention, ${of('unknown')} unknown`,
      );
    return of('attention') > 0 ? exitCodes.failed : exitCodes.ok;
  },
});
