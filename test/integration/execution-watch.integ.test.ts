import { describe, expect, test } from 'vitest';
import { PLACE } from '../infra/simulate.ts';
import { synthesize } from '../infra/synthesize.ts';
import { matches } from './support/event-patterns.ts';

const { pipeline } = synthesize();
const [rule] = Object.values(pipeline.findResources('AWS::Events::Rule'));
const machineArn = (id: string): string =>
  `arn:aws:states:${PLACE.region}:${PLACE.account}:stateMachine:${id}`;
const machines = Object.keys(pipeline.findResources('AWS::StepFunctions::StateMachine')).map(machineArn);
/** What CloudFormation makes of it: references to machines are their ARNs. */
const pattern: unknown = JSON.parse(
  JSON.stringify(rule?.['Properties'].EventPattern, (_, value: unknown) => {
    const { Ref } = (value ?? {}) as { readonly Ref?: string };
    return Ref === undefined ? value : machineArn(Ref);
  }),
);

/** An event as Step Functions sends it. @see https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html */
function event(stateMachineArn: string, status: string): object {
  const executionArn = `${stateMachineArn.replace(':stateMachine:', ':execution:')}:one`;
  return {
    version: '0',
    id: '315c1398-40ff-a850-213b-158f73e60175',
    'detail-type': 'Step Functions Execution Status Change',
    source: 'aws.states',
    account: PLACE.account,
    time: '2026-11-29T19:42:21Z',
    region: PLACE.region,
    resources: [executionArn],
    detail: {
      executionArn,
      stateMachineArn,
      name: 'one',
      status,
      startDate: 1_551_225_146_847,
      stopDate: status === 'RUNNING' ? null : 1_551_225_151_881,
      input: '{}',
      output: null,
    },
  };
}

describe.skipIf(process.env['HOLDFAST_ALLOW_REAL_AWS'] === '1')('the rule over the machines', () => {
  test.each(['FAILED', 'TIMED_OUT', 'ABORTED'])(
    'hears of an execution of any machine that ended %s',
    async (status) => {
      expect(machines).toHaveLength(6);
      for (const machine of machines)
        expect(await matches(pattern, event(machine, status)), machine).toBe(true);
    },
  );

  test.each(['RUNNING', 'SUCCEEDED'])('does not hear of one that is %s', async (status) => {
    for (const machine of machines)
      expect(await matches(pattern, event(machine, status)), machine).toBe(false);
  });

  test("does not hear of one of somebody else's machine, nor of an item of a map", async () => {
    const [machine = ''] = machines;

    expect(await matches(pattern, event(machineArn('another'), 'FAILED'))).toBe(false);
    expect(await matches(pattern, event(`${machine}/ProtectShards`, 'FAILED'))).toBe(false);
  });
});
