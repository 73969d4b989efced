import aslValidator from 'asl-validator';
import { describe, expect, test } from 'vitest';
import { ARN, definitionOf, statesOf, type Definition } from './machine-definitions.ts';
import { synthesize } from './synthesize.ts';

const machines = (['Cycle', 'Protect', 'Restore'] as const).map(
  (name) => [name, definitionOf(name)] as const,
);
const [, [, protect], [, restore]] = machines as [
  (typeof machines)[0],
  (typeof machines)[0],
  (typeof machines)[0],
];
const [, cycle] = machines[0] as (typeof machines)[0];

describe.each(machines)('the %s machine', (_name, definition) => {
  const states = statesOf(definition);
  const tasks = states.filter(([, { Type }]) => Type === 'Task');

  test('is valid Amazon States Language', () => {
    // The validator writes defaults into what it is given.
    const validation = aslValidator(structuredClone(definition));

    expect(validation.isValid ? '' : validation.errorsText('\n')).toBe('');
  });

  test('uses JSONPath throughout', () => {
    expect(JSON.stringify(definition)).not.toMatch(/QueryLanguage|\{%/);
  });

  test('ends every step that never answers', () => {
    for (const [name, { TimeoutSeconds }] of tasks) expect(TimeoutSeconds, name).toBeGreaterThan(0);
  });

  test('retries what passes, spread out, and throttles for long', () => {
    const calls = tasks.filter(([, state]) => JSON.stringify(state).includes(`"Resource":"${ARN}"`));

    expect(calls.length).toBeGreaterThan(2);
    for (const [name, { Retry = [] }] of calls) {
      expect(new Set(Retry.map(({ JitterStrategy }) => JitterStrategy)), name).toEqual(new Set(['FULL']));
      expect(Retry[0], name).toMatchObject({
        ErrorEquals: ['Lambda.TooManyRequestsException'],
        MaxAttempts: 30,
      });
      expect(Retry[1]?.ErrorEquals, name).toEqual(
        expect.arrayContaining([
          'Lambda.ServiceException',
          'Lambda.AWSLambdaException',
          'Lambda.SdkClientException',
          'Lambda.ClientExecutionTimeoutException',
          'Lambda.ResourceNotReadyException',
          'Lambda.CodeArtifactUserPendingException',
          'StoreUnavailableError',
          'CatalogConflictError',
        ]),
      );
    }
  });

  test('tries what was cut off again, at the price of a whole call, three times', () => {
    const calls = tasks.filter(([, state]) => JSON.stringify(state).includes(`"Resource":"${ARN}"`));

    for (const [name, { Retry = [] }] of calls) {
      expect(Retry[2], name).toMatchObject({
        ErrorEquals: [
          'Runtime.ExitError',
          'Runtime.OutOfMemory',
          'Sandbox.Timedout',
          'Lambda.Unknown',
          'States.Timeout',
        ],
        MaxAttempts: 3,
      });
    }
  });

  test('tries nothing again that the next attempt would meet as well', () => {
    const names = tasks.flatMap(([, { Retry = [] }]) => Retry.flatMap(({ ErrorEquals }) => ErrorEquals));

    expect(
      names.filter((name) => /^States\.(ALL|TaskFailed)$|NotFound|Invalid|KMS|TooLarge/.test(name)),
    ).toEqual([]);
  });

  test('reads the list of a map again, and goes on without the report of its items', () => {
    const [[name, map] = []] = states.filter(([, { Type }]) => Type === 'Map');

    expect(map?.Retry, name).toMatchObject([{ ErrorEquals: ['States.ItemReaderFailed'], MaxAttempts: 5 }]);
    expect(map?.Catch?.[0]).toEqual({
      ErrorEquals: ['States.ResultWriterFailed'],
      ResultPath: null,
      Next: map?.Next,
    });
  });

  test('catches everything that can fail', () => {
    for (const [name, { Type, Catch = [] }] of states) {
      if (Type === 'Task' || Type === 'Map' || Type === 'Parallel')
        expect(Catch.at(-1)?.ErrorEquals, name).toEqual(['States.ALL']);
    }
  });

  test('keeps the outputs of its items out of the state', () => {
    const maps = states.filter(([, { Type }]) => Type === 'Map');

    expect(maps).toHaveLength({ Cycle: 2, Protect: 4, Restore: 2 }[_name] ?? 0);
    for (const [, map] of maps) {
      expect(map.ResultPath).toBeNull();
      expect(map.ResultWriter?.Parameters['Prefix.$']).toMatch(
        /^States\.Format\('(cycles|runs|restores)\/\{\}\/map', \$\$\.Execution\.Name\)$/,
      );
      expect(map.ItemProcessor?.ProcessorConfig.ExecutionType).toBe('STANDARD');
    }
  });
});

const stateOf = (definition: Definition, name: string) => Object.fromEntries(statesOf(definition))[name];
const atOnce = (definition: Definition, map: string) => stateOf(definition, map)?.MaxConcurrency;

test.each([
  ['Cycle', 12],
  ['Protect', 9],
  ['Restore', 12],
  ['Hold', 2],
  ['Maintenance', 2],
] as const)('no %s execution takes more than %d days, while its lists are there', (name, days) => {
  expect(definitionOf(name).TimeoutSeconds).toBe(days * 86_400);
  expect(days).toBeLessThan(14);
});

test.each(['ProtectResource', 'ProtectImage'])(
  'a run is given up before %s of the cycle gives it up, and that before its own time ends',
  (task) => {
    const { TimeoutSeconds: ofTask = 0 } = stateOf(cycle, task) ?? {};

    expect(protect.TimeoutSeconds).toBeLessThan(ofTask);
    expect(ofTask).toBeLessThan(cycle.TimeoutSeconds ?? 0);
  },
);

test.each([
  [cycle, 'FailCycle', 'CycleUnreported'],
  [protect, 'FailRun', 'RunUnreported'],
  [restore, 'FailRestore', 'RestoreUnreported'],
  [definitionOf('Maintenance'), 'ReportMaintenance', 'MaintenanceUnreported'],
] as const)('a failure path that fails itself ends under a name of its own', (machine, state, end) => {
  expect(machine.States[state]?.Catch?.at(-1)).toMatchObject({
    ErrorEquals: ['States.ALL'],
    Next: `${end}Cause`,
  });
  expect(machine.States[`${end}Cause`]).toMatchObject({ ResultPath: '$.error', Next: end });
  expect(machine.States[end]).toEqual({ Type: 'Fail', Error: 'UnreportedError', CausePath: '$.error.Cause' });
});

test.each([
  [cycle, 'DiscoverResources', 'Discovered', '$.discovery', 'ProtectResources'],
  [cycle, 'ReportCycle', 'Reported', '$.report', 'ReportedCycle'],
  [restore, 'RestoreShard', 'Restored', '$.restored', 'RestoredShard'],
  [restore, 'FinishRestore', 'Finished', '$.report', 'FinishedRestore'],
] as const)('a step that is not done is called again: %#', (machine, step, choice, result, next) => {
  expect(stateOf(machine, step)).toMatchObject({ ResultPath: result, Next: choice });
  expect(stateOf(machine, choice)).toEqual({
    Type: 'Choice',
    Choices: [{ Variable: `${result}.done`, BooleanEquals: false, Next: step }],
    Default: next,
  });
});

describe('concurrency', () => {
  test('of resources and their shards together is the number of workers', () => {
    expect(atOnce(cycle, 'ProtectFiles')).toBe(3);
    expect(atOnce(protect, 'ProtectShards')).toBe(4);
    expect(atOnce(protect, 'JoinGroups')).toBe(4);
    expect(atOnce(restore, 'RestoreShards')).toBe(12);
  });
});

describe('images', () => {
  test('take no place of a resource with files, and as many are under way as EC2 lets be pending', () => {
    expect(cycle.States['ProtectResources']?.Branches?.map(({ StartAt }) => StartAt)).toEqual([
      'AnyFiles',
      'AnyImages',
    ]);
    expect(atOnce(cycle, 'ProtectImages')).toBe(100);
  });

  test('copy their blocks with as many workers as files have, whatever the number of images', () => {
    expect(stateOf(protect, 'CheckSnapshots')?.Parameters).toMatchObject({ imagesAtOnce: 1 });
    expect(atOnce(protect, 'CopyBlocks')).toBe(12);
    expect(atOnce(protect, 'JoinBlockGroups')).toBe(4);
  });

  test('begin when discovery says', () => {
    expect(stateOf(cycle, 'ProtectImages')?.ItemProcessor).toMatchObject({ StartAt: 'BeginImages' });
    expect(stateOf(cycle, 'BeginImages')).toMatchObject({
      SecondsPath: '$.startAfterSeconds',
      Next: 'ProtectImage',
    });
  });

  test('that EC2 takes no order for are tried for half a day', () => {
    const busy = stateOf(protect, 'SnapshotVolumes')?.Retry?.find(({ ErrorEquals }) =>
      ErrorEquals.includes('SnapshotsBusyError'),
    );

    expect(busy).toMatchObject({ MaxAttempts: 300, MaxDelaySeconds: 300 });
  });
});

describe('failures', () => {
  test.each([
    ['Files', 'ProtectResource'],
    ['Images', 'ProtectImage'],
  ])('of one resource leave the other %s running', (part, run) => {
    const map = stateOf(cycle, `Protect${part}`);

    expect(map?.ToleratedFailureCount).toBe(100_000_000);
    expect(map?.ItemProcessor?.States[run]?.Catch?.[0]?.Next).toBe(`Leave${part}ToReport`);
  });

  test.each(['Files', 'Images'])('of the map over %s end neither the other nor the report', (part) => {
    expect(stateOf(cycle, `Protect${part}`)?.Catch?.at(-1)).toEqual({
      ErrorEquals: ['States.ALL'],
      ResultPath: '$.error',
      Next: `${part}EndedEarly`,
    });
    expect(stateOf(cycle, `${part}EndedEarly`)).toMatchObject({
      Parameters: { 'error.$': '$.error' },
      End: true,
    });
    expect(cycle.States['ProtectResources']).toMatchObject({ ResultPath: '$.maps', Next: 'ReportCycle' });
  });

  test.each([
    ['ProtectShards', 'ProtectShard', 'FailRunOfShard'],
    ['JoinGroups', 'JoinGroup', 'FailRunOfGroup'],
  ])('of one item of %s end the run, which is closed with the reason', (name, step, fail) => {
    const map = protect.States[name];

    expect(map?.ToleratedFailureCount).toBeUndefined();
    expect(map?.ItemProcessor?.States[step]?.Catch?.[0]?.Next).toBe(fail);
    expect(map?.Catch?.at(-1)?.Next).toBe('FailRun');
  });

  test('of a run or a restore end the execution with what it was closed with, not with what the map says', () => {
    for (const state of [protect.States['FailRun'], restore.States['FailRestore']]) {
      expect(state).toMatchObject({
        ResultSelector: { 'Error.$': '$.error.name', 'Cause.$': '$.error.message' },
        ResultPath: '$.error',
      });
    }
    expect([protect.States['FailRun']?.Next, restore.States['FailRestore']?.Next]).toEqual([
      'NameRunFailed',
      'NameRestoreFailed',
    ]);
  });

  test('that a report counted are not counted again', () => {
    expect(
      cycle.States['ReportCycle']?.Catch?.map(({ ErrorEquals, Next }) => [...ErrorEquals, Next]),
    ).toEqual([
      ['CycleFailedError', 'NameResourcesFailed'],
      ['States.ALL', 'FailCycle'],
    ]);
  });

  const allMachines = [
    ...machines,
    ...(['Hold', 'Maintenance'] as const).map((name) => [name, definitionOf(name)] as const),
  ];
  const caught = { Error: 'StoreUnavailableError', Cause: 'no answer' };
  const ofLanguage = { Error: 'States.Timeout', Cause: '' };

  test.each(allMachines)(
    'end the %s execution with their own name, and none with one of the language',
    (_, machine) => {
      const ends = statesOf(machine).filter(
        ([, { Type, ErrorPath }]) => Type === 'Fail' && ErrorPath !== undefined,
      );

      expect(ends.length).toBeGreaterThan(0);
      for (const [end] of ends) {
        const ways = leadingTo(machine, end);
        // Whoever caught something comes by the choice: nothing goes straight to the end.
        expect(new Set(ways.map(([name]) => name)), end).toEqual(new Set([`${end}InStates`, `Name${end}`]));
        expect(failureOf(machine, `Name${end}`, caught)).toEqual(caught);
        expect(failureOf(machine, `Name${end}`, ofLanguage)).toEqual({
          Error: 'StateFailedError',
          Cause: 'States.Timeout: ',
        });
      }
    },
  );
});

/** States that may be followed by another. */
function leadingTo(machine: Definition, state: string) {
  return statesOf(machine).filter(([, { Next, Default, Choices = [], Catch = [] }]) =>
    [Next, Default, ...Choices.map((rule) => rule['Next']), ...Catch.map((one) => one.Next)].includes(state),
  );
}

/** What an execution ends with that comes to a state with an error; as far as choices by its name, and renaming, go. */
function failureOf(
  machine: Definition,
  name: string,
  error: { readonly Error: string; readonly Cause: string },
): unknown {
  const state = Object.fromEntries(statesOf(machine))[name];
  if (state?.Type === 'Fail') return error;
  if (state?.Type === 'Choice') {
    const rule = state.Choices?.find(({ StringMatches }) =>
      new RegExp(`^${String(StringMatches).replaceAll('.', '\\.').replaceAll('*', '.*')}$`).test(error.Error),
    );
    return failureOf(machine, (rule?.['Next'] as string | undefined) ?? state.Default ?? '', error);
  }
  const { Error: renamed, 'Cause.$': cause } = state?.Parameters ?? {};
  expect(cause).toBe("States.Format('{}: {}', $.error.Error, $.error.Cause)");
  return failureOf(machine, state?.Next ?? '', {
    Error: renamed as string,
    Cause: `${error.Error}: ${error.Cause}`,
  });
}

/** Where a choice goes when a list has no items. */
const skips = (definition: Definition, choice: string) =>
  stateOf(definition, choice)?.Choices?.find(({ NumericEquals }) => NumericEquals === 0)?.['Next'];

test('a cycle begins by recording what is deployed, and does nothing that it could not record', () => {
  expect(cycle.States['HasPlan']?.Choices?.[0]?.['Next']).toBe('RecordConfiguration');
  expect(cycle.States['RecordConfiguration']).toMatchObject({
    Next: 'DiscoverResources',
    ResultPath: null,
    Catch: [{ ErrorEquals: ['States.ALL'], Next: 'FailCycle' }],
  });
});

describe('a cycle that a person starts', () => {
  test('has to name its plan; what else is missing is filled in, and what is there stays', () => {
    expect(cycle.StartAt).toBe('Accept');
    expect(cycle.States['Accept']?.Parameters).toEqual({
      byHand: {
        type: 'incremental',
        'scheduledAt.$': '$$.Execution.StartTime',
        'cycleId.$': '$$.Execution.Name',
      },
      'input.$': '$',
    });
    expect(cycle.States['Complete']).toMatchObject({
      Parameters: { 'cycle.$': 'States.JsonMerge($.byHand, $.input, false)' },
      OutputPath: '$.cycle',
      Next: 'HasPlan',
    });
  });

  test('is told what to say when it does not name one', () => {
    expect(cycle.States['HasPlan']?.Default).toBe('PlanMissing');
    expect(cycle.States['PlanMissing']).toMatchObject({
      Error: 'InvalidInputError',
      Cause: expect.stringContaining('{"plan": "daily"}'),
    });
  });
});

describe('lists', () => {
  test('that are empty start no map', () => {
    expect(skips(cycle, 'AnyFiles')).toBe('FilesEnded');
    expect(skips(cycle, 'AnyImages')).toBe('ImagesEnded');
    expect(skips(protect, 'Listed')).toBe('StartJoining');
    expect(skips(restore, 'Mode')).toBe('FinishRestore');
  });
});

test('a run whose base is not leased as a whole is opened on, before anything else is decided', () => {
  expect(protect.States['OpenRun']?.Next).toBe('Mode');
  expect(protect.States['Mode']?.Choices?.[0]).toEqual({
    Variable: '$.run.done',
    BooleanEquals: false,
    Next: 'OpenRun',
  });
});

test('a run that is already complete is left alone', () => {
  expect(protect.States['Mode']?.Choices).toContainEqual({
    Variable: '$.run.mode',
    StringEquals: 'skip',
    Next: 'Skipped',
  });
  expect(protect.States['Skipped']?.Type).toBe('Succeed');
});

test('a restore that its caller does ends when it is recorded, with no shard and nothing to report', () => {
  expect(restore.States['Mode']?.Choices).toContainEqual({
    Variable: '$.plan.mode',
    StringEquals: 'directory',
    Next: 'Recorded',
  });
  expect(restore.States['Recorded']).toEqual({ Type: 'Succeed' });
});

const whenLaunched = (next: string, otherwise: string) => ({
  Type: 'Choice',
  Choices: [{ Variable: '$.plan.next', StringEquals: 'instance', Next: next }],
  Default: otherwise,
});

test('a launch out of the vault is checked before anything is written, and ordered when all is', () => {
  expect(restore.States['WrittenFor']).toEqual(whenLaunched('CheckBeforeWriting', 'StartSnapshots'));
  expect(restore.States['CheckBeforeWriting']?.Next).toBe('StartSnapshots');
  expect(restore.States['SnapshotsComplete']?.Choices?.[0]?.['Next']).toBe('MadeOfWritten');
  expect(restore.States['MadeOfWritten']).toEqual(whenLaunched('LaunchInstance', 'RestoreVolumes'));
});

test('a restore that cannot be planned is failed without an id', () => {
  expect(restore.States['Begin']).toMatchObject({
    Result: { restoreId: null },
    ResultPath: '$.plan',
    Next: 'PlanRestore',
  });
});

test('snapshots are looked at as often as configured, and as their check says', () => {
  expect(protect.States['SnapshotVolumes']?.Next).toBe('CheckSnapshots');
  expect(protect.States['CheckSnapshots']?.Parameters).toEqual({
    'runId.$': '$.runId',
    'mode.$': '$.run.mode',
    pollSeconds: 7,
    imagesAtOnce: 1,
  });
  expect(protect.States['WaitForSnapshots']).toMatchObject({
    SecondsPath: '$.image.waitSeconds',
    Next: 'CheckSnapshots',
  });
});

test('runs carry the name that discovery gave them', () => {
  expect(JSON.stringify(cycle.States['ProtectResources'])).toContain('"Name.$":"$.runId"');
});

test('volumes are looked at every 15 seconds, and as their step says', () => {
  const { pipeline: usual } = synthesize();
  const { States } = definitionOf('Restore', usual);

  expect(States['RestoreVolumes']?.Parameters).toEqual({
    'restoreId.$': '$.plan.restoreId',
    pollSeconds: 15,
  });
  expect(States['WaitForVolumes']).toMatchObject({
    SecondsPath: '$.volumes.waitSeconds',
    Next: 'RestoreVolumes',
  });
});

test('whatever waits, waits as long as a function said that knows since when: nothing waits for ever', () => {
  const waits = machines.flatMap(([, definition]) =>
    statesOf(definition).filter(([, { Type }]) => Type === 'Wait'),
  );

  expect(Object.fromEntries(waits.map(([name, { SecondsPath }]) => [name, SecondsPath]))).toEqual({
    BeginFiles: '$.startAfterSeconds',
    BeginImages: '$.startAfterSeconds',
    WaitForSnapshots: '$.image.waitSeconds',
    WaitForWritten: '$.sealed.waitSeconds',
    WaitForVolumes: '$.volumes.waitSeconds',
    WaitForInstance: '$.launch.waitSeconds',
    WaitForThaw: '$.plan.thaw.waitSeconds',
  });
});
