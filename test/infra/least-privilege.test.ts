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

describe('no role', () => {
  test('deletes objects, versions or tables', () => {
    const forbidden = all
      .flatMap(({ actions }) => actions)
      .filter((action) => /^(s3:Delete|dynamodb:DeleteTable|kms:ScheduleKey)/.test(action));

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

  test('but break-glass may bypass a lock, and that only with MFA', () => {
    const bypass = all.filter(({ actions }) => actions.includes('s3:BypassGovernanceRetention'));

    expect(bypass).toEqual(of('BreakGlass').filter(({ sid }) => sid === 'LiftGovernanceLocks'));
    expect(bypass[0]?.condition).toEqual({ Bool: { 'aws:MultiFactorAuthPresent': 'true' } });
  });
});

describe('writers', () => {
  test.each([
    ['OpenRunRole', ['Vault/format.json', 'Vault/keys/*', 'Work/runs/*']],
    ['ProtectShardRole', ['Vault/packs/*', 'Vault/pages/*', 'Work/runs/*']],
    ['CommitPointRole', ['Vault/packs/*', 'Vault/pages/*', 'Vault/points/*', 'Work/runs/*']],
    ['CommitImageRole', ['Vault/packs/*', 'Vault/pages/*', 'Vault/points/*', 'Work/runs/*']],
    ['ConsolidatePointRole', ['Vault/containers/*', 'Vault/pages/*', 'Vault/points/*', 'Work/runs/*']],
  ])('as %s write under their own prefixes only', (role, places) => {
    expect(mayWrite(of(role))).toEqual(places);
  });

  test('are the only ones that write to the vault or extend its locks', () => {
    const others = Object.entries(pipeline.findResources('AWS::IAM::Policy'))
      .filter(
        ([, policy]) =>
          !/(OpenRun|ProtectShard|CommitPoint|CommitImage|ConsolidatePoint)Role/.test(
            JSON.stringify(policy['Properties'].Roles),
          ),
      )
      .flatMap(([, policy]) => toStatements(policy['Properties'].PolicyDocument));

    expect(mayWrite(others).filter((place) => place.startsWith('Vault'))).toEqual([]);
    expect(others.filter(({ actions }) => actions.includes('s3:PutObjectRetention'))).toEqual([]);
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

  test('write nowhere when it names none', () => {
    const { pipeline: plain } = synthesize();

    expect(mayWrite(statementsOf([plain], 'RestoreShardRole'))).toEqual(['Work/restores/*']);
  });

  test('make volumes only from snapshots of runs, and mark them', () => {
    const statements = of('RestoreVolumesRole').filter(({ actions }) => actions.includes('ec2:CreateVolume'));

    expect(statements.map(({ condition }) => condition)).toEqual([
      { Null: { 'aws:ResourceTag/holdfast:run': 'false' } },
      { Null: { 'aws:RequestTag/holdfast:restore': 'false' } },
    ]);
  });
});

describe('the key', () => {
  test('is used for keys of a vault only', () => {
    const uses = all.filter(
      ({ actions, resources }) =>
        actions.some((action) => action.startsWith('kms:')) && resources.join().includes('VaultKey'),
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

describe('people', () => {
  test('start what their role is for', () => {
    expect(starts('PeopleOperator')).toMatch(/CycleMachine/);
    expect(starts('PeopleOperator')).toMatch(/ProtectMachine/);
    expect(starts('PeopleOperator')).not.toMatch(/RestoreMachine/);
    expect(starts('PeopleRestorer')).toMatch(/RestoreMachine/);
    expect(starts('PeopleRestorer')).not.toMatch(/CycleMachine/);
  });

  test('read backups to restore them, never to operate', () => {
    const readers = ['PeopleOperator', 'PeopleRestorer', 'PeopleBreakGlass'].filter((role) =>
      of(role).some(({ sid }) => sid === 'ReadVault'),
    );

    expect(readers).toEqual(['PeopleRestorer', 'PeopleBreakGlass']);
  });
});
