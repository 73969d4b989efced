import { productVersion } from '@holdfast/engine/model';
import * as z from 'zod';
import { readCloudAssembly } from '../doctor/cloud-assembly.ts';
import { examineDeployment } from '../doctor/examine-deployment.ts';
import type { CheckResult, CheckState } from '../doctor/judgement.ts';
import { StackChanges, type TemplateChange } from '../doctor/template-changes.ts';
import type { ConnectedDeployment } from '../deployment/connection.ts';
import { documentAnswer } from '../terminal/answer.ts';
import { defineCommand } from '../terminal/command.ts';
import { type ExitCode, exitCodes } from '../terminal/exit-codes.ts';
import type { Output } from '../terminal/output.ts';
import { prose, words } from '../terminal/table.ts';
import { countText } from '../terminal/text.ts';

const Examined = documentAnswer(
  'always',
  z.strictObject({
    checks: z.array(
      z.strictObject({
        what: z.string(),
        state: z.enum(['good', 'attention', 'unknown']),
        finding: z.string(),
        putBack: z
          .array(z.strictObject({ roleName: z.string(), policyName: z.string(), document: z.unknown() }))
          .optional()
          .meta({ description: 'inline policies that somebody changed or removed, as they were deployed' }),
      }),
    ),
    stacks: z.array(StackChanges).optional().meta({ description: 'with --templates' }),
  }),
);

export const doctorCommand = defineCommand({
  name: 'doctor',
  summary:
    'Check what has to be right around the data: versions, keys, locks, trail, permissions, quotas, alarms, maintenance; and what an upgrade would change.',
  answers: { examined: Examined },
  declare: (command) =>
    command.option(
      '--templates <directory>',
      'what "cdk synth" wrote: compare it with what is deployed, and refuse what would lose data',
    ),
  async run(context, { templates: directory }): Promise<ExitCode> {
    const { out, connect } = context;
    const connection = await connect();
    const results: CheckResult[] = [];
    const tell = async (result: CheckResult): Promise<void> => {
      results.push(result);
      if (out.json) return;
      const indent = ' '.repeat(11 - result.state.length);
      await out.stateLine(result.state, `${indent}${result.what}: ${result.finding}`);
    };
    for await (const result of examineDeployment(connection, productVersion, context)) await tell(result);
    const stacks =
      directory === undefined ? undefined : await compareStacks(connection.deployment, directory, tell);
    if (stacks !== undefined && !out.json) await printChanges(stacks, out);
    const of = (state: CheckState) => results.filter((one) => one.state === state).length;
    if (out.json) await out.answer(Examined, { checks: results, stacks });
    else
      await out.line(
        `${countText(results.length, 'check')}: ${of('good')} good, ${of('attention')} need attention, ${of('unknown')} unknown`,
      );
    if (stacks?.some(({ refused }) => refused.length > 0)) return exitCodes.refused;
    return of('attention') > 0 ? exitCodes.failed : exitCodes.ok;
  },
});

/** Compares each stack of the deployment with what would be deployed in its place, and tells whether that may be. */
async function compareStacks(
  deployment: ConnectedDeployment,
  directory: string,
  tell: (result: CheckResult) => Promise<void>,
): Promise<readonly StackChanges[]> {
  const assembly = await readCloudAssembly(directory, deployment.region);
  // Thousands of properties of AWS, which nothing else needs.
  const { compareTemplates } = await import('../doctor/compare-templates.ts');
  const compared: StackChanges[] = [];
  for (const stack of new Set(deployment.stacks)) {
    const next = assembly.get(stack);
    const deployed = await deployment.findTemplate(stack);
    if (next === undefined && deployed === undefined) continue;
    const what = `upgrade of ${stack}`;
    if (next === undefined) {
      const others = [...assembly.keys()].join(', ') || 'none';
      await tell({
        what,
        state: 'attention',
        finding: `${directory} has no such stack for ${deployment.region} (${others}): name it with --storage-stack, --pipeline-stack or --monitoring-stack`,
      });
      continue;
    }
    const changes = compareTemplates(stack, deployed, next);
    compared.push(changes);
    const [first] = changes.refused;
    await tell(
      first === undefined
        ? {
            what,
            state: 'good',
            finding: `${countText(changes.changes.length, 'change')}, none of which loses data`,
          }
        : { what, state: 'attention', finding: `do not deploy: ${changes.refused.join('; ')}` },
    );
  }
  return compared;
}

const headings: Readonly<Record<TemplateChange['kind'], string>> = {
  data: 'data',
  permission: 'permissions',
  function: 'functions',
  schedule: 'schedules',
  workflow: 'workflows',
  alarm: 'alarms',
  other: 'others',
};

async function printChanges(stacks: readonly StackChanges[], out: Output): Promise<void> {
  for (const { stack, changes } of stacks) {
    if (changes.length === 0) continue;
    await out.line();
    await out.line(`${stack} would change:`);
    const rows = Object.entries(headings).flatMap(([kind, heading]) =>
      rowsOf(changes.filter((one) => one.kind === kind)).map(([change, text]) => [heading, change, text]),
    );
    await out.table([words('WHAT'), words('CHANGE'), prose('NAME')], rows);
  }
  await out.line();
}

function isOfCode({ kind, change, properties }: TemplateChange): boolean {
  return kind === 'function' && change === 'changed' && properties.every((property) => property === 'Code');
}

/** A row for each change of a kind; functions that differ in nothing but their code are one. */
function rowsOf(changes: readonly TemplateChange[]): readonly (readonly [change: string, text: string])[] {
  const ofCode = changes.filter(isOfCode);
  const rows = changes
    .filter((one) => !isOfCode(one))
    .map(({ change, name, type, kind, properties }) => {
      const parts = [...(kind === 'data' || kind === 'other' ? [type] : []), ...properties];
      return [change, parts.length === 0 ? name : `${name} (${parts.join(', ')})`] as const;
    });
  return ofCode.length === 0
    ? rows
    : [...rows, ['changed', `${countText(ofCode.length, 'function')}, in nothing but code`]];
}
