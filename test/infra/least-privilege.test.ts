import { describe, expect, test } from 'vitest';
import { statementsOf, synthesize, toStatements, WITH_EVERYTHING, type Statement } from './synthesize.ts';

const { storage, pipeline, monitoring } = synthesize(WITH_EVERYTHING);
const templates = [storage, pipeline, monitoring];
const all = statementsOf(templates, '');
const of = (role: string): readonly Statement[] => {
  const found = statementsOf(templates, role);
  expect(found, `policies of ${role}`).not.toEqual([]);
  return found;
};
const mayWrite = (statements: readonly Statement[]): string[] =>
  statements
    .filter((statement) => statement.actions.includes('s3:PutObject'))
    .flatMap((statement) => statement.resources)
    .map((resource) =>
      /Fn::ImportValue":"HoldfastStorage:ExportsOutputFnGetAtt([A-Z][a-z]+).*"(\/[^"]*)"\]\]\}$/.exec(
        resource,
      ),
    )
    .map((match) => `${match?.[1] ?? 'elsewhere'}${match?.[2] ?? ''}`);

/** Folders of the vault that statements are about. */
const placesOf = (statements: readonly Statement[]): string[] =>
  statements
    .flatMap(({ resources }) => resources)
    .map((resource) => /Vault.*"(\/[^"]*)"\]\]\}$/.exec(resource)?.[1] ?? resource);

describe('no role', () => {
  test('deletes objects, tables or keys', () => {
    const forbidden = all
      .flatMap(({ actions }) => actions)
      .filter((action) => /^(s3:Delete|dynamodb:DeleteTable|kms:ScheduleKey)/.test(action))
      .filter((action) => action !== 's3:DeleteObjectVersion');

    expect(forbidden).toEqual([]);
  });

  test('has a wildcard without a condition beside it', () => {
    const unbounded = all.filter(
      ({ actions, resources, condition }) =>
        [...actions, ...resources].join().includes('*') && condition === undefined,
    );

    expect(unbounded).toEqual([]);
  });

  test('has an action with a wildcard', () => {
    expect(all.flatMap(({ actions }) => actions).filter((action) => action.includes('*'))).toEqual([]);
  });

  test('uses a managed policy', () => {
    for (const template of templates) {
      for (const role of Object.values(template.findResources('AWS::IAM::Role'))) {
        expect(role['Properties'].ManagedPolicyArns).toBeUndefined();
      }
    }
  });

  test('may bypass a lock', () => {
    expect(all.filter(({ actions }) => actions.includes('s3:BypassGovernanceRetention'))).toEqual([]);
  });

  test('but break-glass may change the policies of vault and key', () => {
    const changes = all.filter(({ actions }) =>
      actions.some((action) => /^(s3:PutBucketPolicy|kms:PutKeyPolicy)$/.test(action)),
    );

    expect(changes).toEqual(of('BreakGlass').filter(({ sid }) => sid.startsWith('Mend')));
    expect(changes).toHaveLength(2);
  });
});

describe('writers', () => {
  test.each([
    ['OpenRunRole', ['Vault/format.json', 'Vault/keys/*', 'Work/runs/*']],
    ['ProtectShardRole', ['Vault/packs/*', 'Vault/pages/*', 'Work/runs/*']],
    ['JoinGroupRole', ['Vault/pages/*', 'Work/runs/*']],
    ['CommitPointRole', ['Vault/audit/*', 'Vault/packs/*', 'Vault/pages/*', 'Vault/points/*', 'Work/runs/*']],
    ['CommitImageRole', ['Vault/audit/*', 'Vault/packs/*', 'Vault/pages/*', 'Vault/points/*', 'Work/runs/*']],
    ['CopyBlocksRole', ['Vault/packs/*', 'Vault/pages/*', 'Work/runs/*']],
    [
      'ConsolidatePointRole',
      ['Vault/audit/*', 'Vault/containers/*', 'Vault/pages/*', 'Vault/points/*', 'Work/runs/*'],
    ],
  ])('as %s write under their own prefixes only', (role, places) => {
    expect(mayWrite(of(role))).toEqual(places);
  });

  test('are, but for the audit log, the only ones that write to the vault or extend its locks', () => {
    const others = Object.entries(pipeline.findResources('AWS::IAM::Policy'))
      .filter(
        ([, policy]) =>
          !/(OpenRun|ProtectShard|CopyBlocks|JoinGroup|CommitPoint|CommitImage|ConsolidatePoint|RenewLeases|HoldPoints|ReconcileHolds)Role/.test(
            JSON.stringify(policy['Properties'].Roles),
          ),
      )
      .flatMap(([, policy]) => toStatements(policy['Properties'].PolicyDocument));

    const places = mayWrite(others).filter((place) => place.startsWith('Vault'));
    expect(new Set(places)).toEqual(new Set(['Vault/audit/*']));
    const locking = others.filter(({ actions }) => actions.includes('s3:PutObjectRetention'));
    expect(new Set(placesOf(locking))).toEqual(new Set(['/audit/*']));
  });
});

describe('versions in the vault', () => {
  const removals = all.filter(({ actions }) => actions.includes('s3:DeleteObjectVersion'));

  test('are removed by the sweeper below packs/, pages/ and containers/, by the expirer below points/, by nobody else', () => {
    const bySweeper = of('SweepPacksRole').filter(({ sid }) => sid === 'RemoveVersions');
    const byExpirer = of('ExpirePointsRole').filter(({ sid }) => sid === 'RemoveVersions');

    expect(placesOf(bySweeper)).toEqual(['/containers/*', '/packs/*', '/pages/*']);
    expect(placesOf(byExpirer)).toEqual(['/points/*']);
    expect(removals).toHaveLength(2);
  });

  test('lose a legal hold only where they are removed, and gain none there', () => {
    for (const role of ['SweepPacksRole', 'ExpirePointsRole']) {
      const [ends] = of(role).filter(({ actions }) => actions.includes('s3:PutObjectLegalHold'));

      expect(ends?.condition, role).toMatchObject({ StringEquals: { 's3:object-lock-legal-hold': 'OFF' } });
      expect(placesOf(ends === undefined ? [] : [ends]), role).toEqual(
        placesOf(of(role).filter(({ sid }) => sid === 'RemoveVersions')),
      );
    }
  });

  test('are neither written nor locked by who removes them', () => {
    for (const role of ['SweepPacksRole', 'ExpirePointsRole']) {
      const locking = of(role).filter(({ actions }) => actions.includes('s3:PutObjectRetention'));

      expect(
        mayWrite(of(role)).filter((place) => place !== 'Vault/audit/*'),
        role,
      ).toEqual([]);
      expect(
        placesOf(locking).filter((place) => place !== '/audit/*'),
        role,
      ).toEqual([]);
    }
  });

  test('that are verified or reconciled are only read', () => {
    for (const role of ['VerifySample', 'ReconcilePoints']) {
      const actions = of(role).flatMap((statement) => statement.actions);

      expect(
        actions.filter((action) => /^s3:(Put|Delete|Abort)/.test(action)),
        role,
      ).toEqual([]);
    }
  });

  test('are prolonged without a right to write anything but the audit log', () => {
    expect(mayWrite(of('RenewLeasesRole'))).toEqual(['Vault/audit/*']);
    expect(of('RenewLeasesRole').flatMap(({ actions }) => actions)).toContain('s3:PutObjectRetention');
  });
});

describe('snapshots', () => {
  test('are removed only if a run took them, or a restore wrote them', () => {
    const removals = all.filter(({ actions }) => actions.includes('ec2:DeleteSnapshot'));

    expect(removals.map(({ sid }) => sid)).toContain('RemoveSnapshotsOfRestores');
    for (const { sid, condition } of removals) {
      const tag = sid === 'RemoveSnapshotsOfRestores' ? 'restore' : 'run';
      expect(condition).toEqual({ Null: { [`aws:ResourceTag/holdfast:${tag}`]: 'false' } });
    }
  });

  test('are written only by restores, which mark them from the beginning', () => {
    const writers = all.filter(({ actions }) =>
      actions.some((action) => /^ebs:(Start|Put|Complete)/.test(action)),
    );

    expect(writers.map(({ actions, condition }) => [actions, condition])).toEqual(
      expect.arrayContaining([
        [['ebs:StartSnapshot'], { Null: { 'aws:RequestTag/holdfast:restore': 'false' } }],
        [['ebs:PutSnapshotBlock'], { Null: { 'aws:ResourceTag/holdfast:restore': 'false' } }],
        [['ebs:CompleteSnapshot'], { Null: { 'aws:ResourceTag/holdfast:restore': 'false' } }],
      ]),
    );
    expect(writers).toHaveLength(3);
  });
});

describe('sources', () => {
  test('are read by tag where S3 looks at it, and by name where it does not', () => {
    const statements = of('ProtectShardRole');
    const find = (sid: string) => statements.find((statement) => statement.sid === sid);

    expect(find('ReadTaggedBuckets')?.condition).toMatchObject({
      Null: { 'aws:ResourceTag/holdfast:plan': 'false' },
    });
    expect(find('ReadNamedBuckets')?.resources.join()).toContain(':s3:::documents/*');
    expect(find('DecryptSources')?.resources).toEqual(['arn:aws:kms:eu-central-1:111122223333:key/1111']);
  });

  test('are read by the beginning of their names, and only those of this account', () => {
    const { pipeline: some, storage: their } = synthesize({ sources: { buckets: ['logs-*'] } });
    const statements = statementsOf([some, their], 'ProtectShardRole');

    const read = statements.find(({ sid }) => sid === 'ReadNamedBuckets');
    expect(read?.resources.join()).toMatch(/:s3:::logs-\*\/\*"/);
    expect(read?.condition).toEqual({
      StringEquals: { 'aws:ResourceAccount': { Ref: 'AWS::AccountId' } },
    });
  });

  test('are read by a tag of a rule, and no others by the tag of their plan alone', () => {
    const tag = { key: 'team', value: 'web' };
    const buckets = [
      { name: '*', tag },
      { name: 'logs-*', tag: { key: 'stage', value: 'production' } },
    ];
    const { pipeline: some, storage: their } = synthesize({ sources: { buckets } });
    const statements = [
      ...statementsOf([some, their], 'ProtectShardRole'),
      ...statementsOf([some, their], 'ListShardsRole'),
    ].filter(({ sid }) => /^(Read|List)(Tagged|Named)Buckets/.test(sid));

    expect(new Set(statements.map(({ sid }) => sid))).toEqual(
      new Set(['ReadTaggedBuckets0', 'ReadTaggedBuckets1', 'ListTaggedBuckets0', 'ListTaggedBuckets1']),
    );
    for (const { sid, resources, condition } of statements) {
      const [name, key, value] = sid.endsWith('0') ? ['*', 'team', 'web'] : ['logs-*', 'stage', 'production'];
      expect(resources.join()).toContain(`:s3:::${name}${sid.startsWith('Read') ? '/*' : ''}"`);
      expect(condition).toEqual({
        Null: { 'aws:ResourceTag/holdfast:plan': 'false' },
        StringEquals: {
          'aws:ResourceAccount': { Ref: 'AWS::AccountId' },
          [`aws:ResourceTag/${key}`]: value,
        },
      });
    }
  });

  test('that are named nowhere add no statement', () => {
    const { pipeline: plain, storage: plainStorage } = synthesize();
    const sids = statementsOf([plain, plainStorage], 'ProtectShardRole').map(({ sid }) => sid);

    expect(sids).toContain('ReadTaggedBuckets');
    expect(sids.filter((sid) => sid.includes('Named') || sid === 'DecryptSources')).toEqual([]);
  });

  test('are snapshotted only with the tag, and only snapshots of a run are removed', () => {
    const statements = of('SnapshotVolumesRole');
    const find = (sid: string) => statements.find((statement) => statement.sid === sid);

    expect(find('SnapshotTaggedInstances')?.condition).toEqual({
      Null: { 'aws:ResourceTag/holdfast:plan': 'false' },
    });
    expect(find('SnapshotTaggedVolumes')?.condition).toEqual({
      Null: { 'aws:ResourceTag/holdfast:plan': 'false' },
    });
    expect(find('RemoveDuplicateSnapshots')?.condition).toEqual({
      Null: { 'aws:ResourceTag/holdfast:run': 'false' },
    });
  });

  test('are never written to', () => {
    const writes = of('ProtectShardRole')
      .flatMap(({ actions }) => actions)
      .filter((action) => /^(s3:Put|s3:Abort)/.test(action));

    expect(writes.sort()).toEqual([
      's3:AbortMultipartUpload',
      's3:PutObject',
      's3:PutObject',
      's3:PutObjectRetention',
    ]);
  });
});

describe('restores', () => {
  test('write to the buckets that the configuration names', () => {
    const targets = of('RestoreShardRole').filter(({ sid }) => sid === 'WriteTargets');

    expect(targets).toHaveLength(1);
    expect(targets[0]?.resources).toHaveLength(1);
    expect(targets[0]?.resources[0]).toContain(':s3:::restored/*');
  });

  test.each(['FinishRestoreRole', 'CloseExecutionsRole'])(
    'that are closed by %s have their unfinished uploads ended there, and nothing written',
    (role) => {
      const inTargets = of(role).filter(({ resources }) =>
        resources.some((arn) => arn.includes(':s3:::restored')),
      );

      expect(inTargets.map(({ actions }) => actions)).toEqual([['s3:AbortMultipartUpload']]);
    },
  );

  test('report how far they are in rows of that alone', () => {
    const reports = ['RestoreShardRole', 'WriteBlocksRole'].map((role) =>
      of(role).filter(({ sid }) => sid === 'ReportProgress'),
    );

    for (const [statement, ...others] of reports) {
      expect(others).toEqual([]);
      expect(statement).toMatchObject({
        actions: ['dynamodb:PutItem'],
        condition: {
          Null: { 'dynamodb:LeadingKeys': 'false' },
          'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['PROGRESS#*'] },
        },
      });
    }
  });

  test('write nowhere when it names none', () => {
    const { pipeline: plain } = synthesize();

    expect(mayWrite(statementsOf([plain], 'RestoreShardRole'))).toEqual(['Work/restores/*']);
  });

  test('make volumes only from snapshots of runs and their own, and mark them', () => {
    const statements = of('RestoreVolumesRole').filter(({ actions }) => actions.includes('ec2:CreateVolume'));

    expect(statements.map(({ condition }) => condition)).toEqual([
      { Null: { 'aws:ResourceTag/holdfast:run': 'false' } },
      { Null: { 'aws:ResourceTag/holdfast:restore': 'false' } },
      { Null: { 'aws:RequestTag/holdfast:restore': 'false' } },
    ]);
  });
});

describe('launching a machine again', () => {
  const statements = of('LaunchInstanceRole');
  const conditionsOf = (action: string) =>
    Object.fromEntries(
      statements
        .filter(({ actions }) => actions.includes(action))
        .map(({ sid, condition }) => [sid, condition]),
    );
  const ofRestore = { Null: { 'aws:RequestTag/holdfast:restore': 'false' } };

  test('makes AMIs only of snapshots of runs and restores, and instances only with the mark of a restore', () => {
    expect(conditionsOf('ec2:RegisterImage')).toEqual({
      RegisterSnapshotsOfRuns: { Null: { 'aws:ResourceTag/holdfast:run': 'false' } },
      RegisterSnapshotsOfRestores: { Null: { 'aws:ResourceTag/holdfast:restore': 'false' } },
      RegisterImagesOfARestore: ofRestore,
    });
    expect(conditionsOf('ec2:RunInstances')['LaunchInstancesOfARestore']).toEqual(ofRestore);
  });

  test('changes only what restores made', () => {
    for (const action of ['ec2:DeregisterImage', 'ec2:StopInstances'])
      expect(Object.values(conditionsOf(action))).toEqual([
        { Null: { 'aws:ResourceTag/holdfast:restore': 'false' } },
      ]);
    expect(statements.flatMap(({ actions }) => actions)).not.toContain('ec2:TerminateInstances');
  });

  test('passes the roles that the configuration names to EC2, and none when it names none', () => {
    const passes = statements.filter(({ actions }) => actions.includes('iam:PassRole'));
    const { pipeline: plain } = synthesize();

    expect(passes.map(({ resources, condition }) => [resources, condition])).toEqual([
      [
        ['arn:aws:iam::111122223333:role/web'],
        expect.objectContaining({ StringEquals: { 'iam:PassedToService': expect.anything() } }),
      ],
    ]);
    const actions = statementsOf([plain], 'LaunchInstanceRole').flatMap((one) => one.actions);
    expect(actions).not.toContain('iam:PassRole');
  });
});

describe('the key', () => {
  test('is used for keys of a vault only', () => {
    const uses = all.filter(
      ({ actions, resources }) =>
        actions.some((action) => /^kms:(Encrypt|Decrypt|GenerateDataKey)/.test(action)) &&
        resources.join().includes('VaultKey'),
    );

    expect(uses.length).toBeGreaterThan(5);
    for (const { condition } of uses)
      expect(condition).toEqual({ Null: { 'kms:EncryptionContext:holdfast:vault': 'false' } });
  });

  test('wraps new keys in open-run alone', () => {
    const wrappers = Object.values(pipeline.findResources('AWS::IAM::Policy')).filter((policy) =>
      JSON.stringify(policy['Properties'].PolicyDocument).includes('WrapVaultKeys'),
    );

    expect(wrappers).toHaveLength(1);
    expect(JSON.stringify(wrappers[0]?.['Properties'].Roles)).toContain('OpenRunRole');
  });
});

const starts = (role: string) =>
  of(role)
    .filter(({ sid }) => sid === 'StartMachines')
    .flatMap(({ resources }) => resources)
    .join();

const readsBlocks = (role: string) =>
  of(role).filter(({ actions }) => actions.some((action) => action.startsWith('ebs:')));

const thaw = (role: string) => of(role).filter(({ actions }) => actions.includes('s3:RestoreObject'));

describe('people', () => {
  test('start what their role is for', () => {
    expect(starts('PeopleOperator')).toMatch(/CycleMachine/);
    expect(starts('PeopleOperator')).toMatch(/ProtectMachine/);
    expect(starts('PeopleOperator')).not.toMatch(/RestoreMachine/);
    expect(starts('PeopleRestorer')).toMatch(/RestoreMachine/);
    expect(starts('PeopleRestorer')).not.toMatch(/CycleMachine/);
  });

  test('cancel runs without a right to touch holds, packs and restores in the catalog', () => {
    const writes = ['PeopleOperator', 'PeopleRestorer', 'PeopleHolder', 'PeopleBreakGlass'].flatMap((role) =>
      of(role).filter(({ actions }) =>
        actions.some((action) => /^dynamodb:(Put|Update|Delete|BatchW)/.test(action)),
      ),
    );

    expect(writes.map(({ sid, condition }) => [sid, condition])).toEqual([
      [
        'CloseRuns',
        {
          Null: { 'dynamodb:LeadingKeys': 'false' },
          'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['RUN#*', 'RES#*'] },
        },
      ],
      [
        'ShareRecords',
        {
          Null: { 'dynamodb:LeadingKeys': 'false' },
          'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['SHARED#*'] },
        },
      ],
    ]);
  });

  test('read backups to restore them, never to operate', () => {
    const readers = ['PeopleOperator', 'PeopleRestorer', 'PeopleBreakGlass'].filter((role) =>
      of(role).some(({ sid }) => sid === 'ReadVault'),
    );

    expect(readers).toEqual(['PeopleRestorer', 'PeopleBreakGlass']);
  });

  test('read blocks of snapshots that runs took, and of no others, to restore them', () => {
    expect(readsBlocks('PeopleRestorer')).toMatchObject([
      {
        actions: ['ebs:GetSnapshotBlock', 'ebs:ListChangedBlocks', 'ebs:ListSnapshotBlocks'],
        condition: { Null: { 'aws:ResourceTag/holdfast:run': 'false' } },
      },
    ]);
    for (const role of ['PeopleOperator', 'PeopleHolder', 'PeopleBreakGlass'])
      expect(readsBlocks(role)).toEqual([]);
  });

  test('thaw what they may read, which is containers alone, as the restore machine does', () => {
    const [byMachine] = thaw('PlanRestore');
    expect(JSON.stringify(byMachine?.resources)).toMatch(/\/containers\/\*/);
    for (const role of ['PeopleRestorer', 'PeopleBreakGlass'])
      expect(thaw(role)).toMatchObject([{ actions: ['s3:RestoreObject'] }]);
    expect([...thaw('PeopleOperator'), ...thaw('PeopleHolder')]).toEqual([]);
  });
});

describe('maps', () => {
  test('follow the executions of their items, whichever way these are named', () => {
    for (const machine of ['CycleRole', 'ProtectRole', 'RestoreRole']) {
      const [follow] = of(machine).filter(({ sid }) => sid === 'FollowItems');

      expect(follow?.actions, machine).toEqual([
        'states:DescribeExecution',
        'states:RedriveExecution',
        'states:StopExecution',
      ]);
      expect(
        follow?.resources.map((resource) => /(.)\*"\]\]\}$/.exec(resource)?.[1]),
        machine,
      ).toEqual(['/', ':']);
    }
  });
});

test('executions and stacks are bound to an account by their ARN, not by a key that IAM may not be told', () => {
  const statements = all.filter(
    ({ actions, condition }) =>
      condition !== undefined && actions.some((action) => /^(states|cloudformation):/.test(action)),
  );

  expect(statements.length).toBeGreaterThan(5);
  for (const { sid, resources, condition } of statements) {
    expect(Object.keys(condition ?? {}), sid).toEqual(['StringEqualsIfExists']);
    for (const resource of resources) expect(resource, sid).toContain('AWS::AccountId');
  }
});
