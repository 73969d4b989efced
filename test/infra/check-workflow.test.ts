import aslValidator from 'asl-validator';
import { Match } from 'aws-cdk-lib/assertions';
import { expect, test } from 'vitest';
import { definitionOf } from './machine-definitions.ts';
import { synthesize } from './synthesize.ts';

const check = definitionOf('Check');

test('the daily check is called until it is done, under the name of its execution', () => {
  const validation = aslValidator(structuredClone(check));

  expect(validation.isValid ? '' : validation.errorsText('\n')).toBe('');
  expect(check.States['CheckOverdue']).toMatchObject({
    Parameters: { 'checkId.$': '$$.Execution.Name' },
    Next: 'IsChecked',
  });
  expect(check.States['IsChecked']).toMatchObject({
    Choices: [{ Variable: '$.done', BooleanEquals: true, Next: 'Checked' }],
    Default: 'CheckOverdue',
  });
  expect(check.TimeoutSeconds).toBe(86_400);
});

test('the daily check is started by its schedule as an execution', () => {
  const { pipeline } = synthesize();
  const [machine] = Object.keys(pipeline.findResources('AWS::StepFunctions::StateMachine')).filter((id) =>
    id.startsWith('Check'),
  );

  pipeline.hasResourceProperties('AWS::Scheduler::Schedule', {
    ScheduleExpression: 'cron(0 8 * * ? *)',
    Target: Match.objectLike({ Arn: { Ref: machine }, DeadLetterConfig: Match.anyValue() }),
  });
});
