import { allowedContextKeysForRequest } from '@cloud-copilot/iam-simulate';
import { describe, expect, test } from 'vitest';
import { roleSession, type Principal } from './principals.ts';
import {
  isAllowed,
  PLACE,
  resolved,
  roleArn,
  without,
  type AccessRequest,
  type PolicyDocument,
} from './simulate.ts';
import { synthesize } from './synthesize.ts';
import { REMAINING, tls, vaultRequests } from './vault-requests.ts';
import { CAPS, VAULT_ID, vaultTemplate, type RoleId, type VaultStackOptions } from './vault-stack.ts';

interface Synthesized {
  readonly policy: PolicyDocument;
  readonly vaultArn: string;
}

function synthesizePolicy(options: Omit<VaultStackOptions, 'place'>): Synthesized {
  const template = vaultTemplate({ ...options, place: PLACE });
  const [policy] = Object.values(template.findResources('AWS::S3::BucketPolicy'));
  return {
    policy: resolved(template, policy?.['Properties'].PolicyDocument) as PolicyDocument,
    vaultArn: resolved(template, { 'Fn::GetAtt': [VAULT_ID, 'Arn'] }) as string,
  };
}

const synthesized = {
  governance: synthesizePolicy({ lockMode: 'governance' }),
  compliance: synthesizePolicy({ lockMode: 'compliance' }),
};
const { vaultArn } = synthesized.governance;
const arnOf = (id: RoleId): Principal => roleSession(roleArn(id));
const writer = arnOf('Writer');
const sweeper = arnOf('Sweeper');
const renewer = arnOf('Renewer');
const holder = arnOf('Holder');
const auditor = arnOf('Auditor');
const breakGlass = arnOf('BreakGlass');
const cloudFormation = roleSession(roleArn(`cdk-hnb659fds-cfn-exec-role-${PLACE.account}-${PLACE.region}`));
const administrator = arnOf('Administrator');
const sameNamedElsewhere = roleSession(
  `arn:aws:iam::999999999999:role/cdk-hnb659fds-cfn-exec-role-${PLACE.account}-${PLACE.region}`,
);

const pack = 'packs/standard/ab/abcd';

const { on, put, begin, part, complete, extend, setHold, ask } = vaultRequests(vaultArn);

interface Case {
  /** Requests that the statement leaves alone, as near to the denied ones as there are. */
  readonly allowed: readonly AccessRequest[];
  /** Requests that this statement denies, and no other. */
  readonly denied: readonly AccessRequest[];
}

const cases: Readonly<Record<string, Case>> = {
  OnlyTls: {
    allowed: [ask(breakGlass, 's3:GetObject'), ask(breakGlass, 's3:ListBucket', vaultArn)],
    denied: [
      tls(ask(breakGlass, 's3:GetObject'), { 'aws:SecureTransport': 'false' }),
      tls(ask(breakGlass, 's3:ListBucket', vaultArn), { 'aws:SecureTransport': 'false' }),
      tls(put(writer, pack), { 'aws:SecureTransport': 'false' }),
    ],
  },
  OnlyModernTls: {
    allowed: [tls(ask(breakGlass, 's3:GetObject'), { 's3:TlsVersion': '1.2' })],
    denied: [
      tls(ask(breakGlass, 's3:GetObject'), { 's3:TlsVersion': '1.1' }),
      tls(put(writer, pack), { 's3:TlsVersion': '1.0' }),
    ],
  },
  OnlyWritersWrite: {
    allowed: [put(writer, pack), put(writer, 'points/r/p'), put(writer, 'format.json')],
    denied: [
      put(administrator, pack),
      put(sweeper, 'points/r/p'),
      put(holder, 'pages/ab/abcd'),
      put(renewer, 'pages/ab/abcd'),
      put(auditor, pack),
      put(breakGlass, 'keys/k.json'),
      put(cloudFormation, 'anything-else'),
      part(administrator, 'containers/c'),
    ],
  },
  OnlyFunctionsWriteTheAuditLog: {
    // S3 asks for both rights: entries arrive locked.
    allowed: [writer, sweeper, renewer, holder, auditor].flatMap((role) => [
      put(role, 'audit/2026/11/23/1'),
      extend(role, 'audit/2026/11/23/1'),
    ]),
    denied: [administrator, breakGlass, cloudFormation].flatMap((role) => [
      put(role, 'audit/2026/11/23/1'),
      extend(role, 'audit/2026/11/23/1'),
    ]),
  },
  NothingIsReplicatedInto: {
    allowed: [put(writer, pack)],
    denied: [ask(writer, 's3:ReplicateObject'), ask(administrator, 's3:ReplicateDelete')],
  },
  NamesAreWrittenOnce: {
    allowed: [put(writer, pack), complete(writer, 'containers/c'), part(writer, 'containers/c')],
    denied: [
      put(writer, pack, { 's3:if-none-match': undefined }),
      complete(writer, 'containers/c', { 's3:if-none-match': undefined }),
    ],
  },
  ObjectsArriveLocked: {
    allowed: [put(writer, pack), complete(writer, 'containers/c'), part(writer, 'containers/c')],
    denied: ['format.json', 'keys/k.json', pack, 'pages/ab/abcd', 'points/r/p', 'audit/2026/11/23/1'].map(
      (name) => complete(writer, name),
    ),
  },
  ObjectsArriveInTheLockMode: {
    allowed: [put(writer, pack), begin(writer, 'containers/c')],
    denied: [
      put(writer, pack, { 's3:object-lock-mode': 'COMPLIANCE' }),
      begin(writer, 'containers/c', { 's3:object-lock-mode': 'COMPLIANCE' }),
    ],
  },
  OnlyWritersExtendLocks: {
    allowed: [extend(writer, pack), extend(renewer, pack), extend(holder, 'points/r/p')],
    denied: [
      extend(sweeper, pack),
      extend(auditor, 'points/r/p'),
      extend(administrator, pack),
      extend(breakGlass, pack),
    ],
  },
  LocksAreNeverWeakened: {
    // What is locked in compliance mode already can be extended as such only.
    allowed: [extend(writer, pack), extend(writer, pack, { 's3:object-lock-mode': 'COMPLIANCE' })],
    denied: [extend(writer, pack, { 's3:object-lock-mode': 'A-WEAKER-ONE' })],
  },
  LocksEndInTime: {
    allowed: [
      put(writer, 'points/r/p', { [REMAINING]: '2600' }),
      extend(writer, 'pages/ab/abcd', { [REMAINING]: '2600' }),
      begin(writer, 'containers/c', { [REMAINING]: '2600' }),
    ],
    denied: [
      put(writer, 'points/r/p', { [REMAINING]: '2601' }),
      extend(writer, 'pages/ab/abcd', { [REMAINING]: '36500' }),
      begin(writer, 'containers/c', { [REMAINING]: '2601' }),
      extend(writer, 'keys/k.json', { [REMAINING]: '2601' }),
      put(writer, 'packs/of-no-known-class/ab/abcd', { [REMAINING]: '2601' }),
    ],
  },
  LocksOfTheAuditLogEndInTime: {
    allowed: [put(auditor, 'audit/checkpoints/2026-11-23', { [REMAINING]: '402' })],
    denied: [put(auditor, 'audit/checkpoints/2026-11-23', { [REMAINING]: '403' })],
  },
  ...Object.fromEntries(
    (['short', 'standard', 'long'] as const).map((name): [string, Case] => {
      const cap = CAPS.byClass[name];
      const object = `packs/${name}/ab/abcd`;
      return [
        `LocksOf${name.charAt(0).toUpperCase()}${name.slice(1)}PacksEndInTime`,
        {
          allowed: [
            put(writer, object, { [REMAINING]: String(cap) }),
            extend(writer, object, { [REMAINING]: String(cap) }),
          ],
          denied: [
            put(writer, object, { [REMAINING]: String(cap + 1) }),
            extend(writer, object, { [REMAINING]: String(cap + 1) }),
          ],
        },
      ];
    }),
  ),
  NoEventHolds: {
    allowed: [put(writer, pack), extend(writer, pack)],
    denied: [
      put(writer, pack, { 's3:object-lock-event-hold': 'ON', [REMAINING]: undefined }),
      extend(writer, pack, { 's3:object-lock-event-hold': 'ON' }),
    ],
  },
  NobodyBypassesLocks: {
    allowed: [extend(writer, pack)],
    denied: [breakGlass, sweeper, writer, administrator, cloudFormation].map((role) =>
      ask(role, 's3:BypassGovernanceRetention'),
    ),
  },
  OnlyHoldersHold: {
    allowed: [setHold(holder, 'ON')],
    denied: [sweeper, writer, renewer, administrator, breakGlass].map((role) => setHold(role, 'ON')),
  },
  OnlySweepersEndHolds: {
    allowed: [setHold(sweeper, 'OFF')],
    denied: [holder, writer, administrator, breakGlass].map((role) => setHold(role, 'OFF')),
  },
  NoDeleteMarkers: {
    allowed: [ask(sweeper, 's3:DeleteObjectVersion')],
    denied: [sweeper, writer, administrator, breakGlass].map((role) => ask(role, 's3:DeleteObject')),
  },
  OnlySweepersDeleteVersions: {
    allowed: [pack, 'pages/ab/abcd', 'points/r/p', 'containers/c'].map((name) =>
      ask(sweeper, 's3:DeleteObjectVersion', on(name)),
    ),
    denied: [writer, holder, auditor, administrator, breakGlass, cloudFormation].map((role) =>
      ask(role, 's3:DeleteObjectVersion'),
    ),
  },
  KeysAndAuditLogStay: {
    allowed: [ask(sweeper, 's3:DeleteObjectVersion')],
    denied: ['format.json', 'keys/k.json', 'audit/2026/11/23/1'].map((name) =>
      ask(sweeper, 's3:DeleteObjectVersion', on(name)),
    ),
  },
  ConfigurationIsDeployed: {
    allowed: [ask(cloudFormation, 's3:PutBucketObjectLockConfiguration', vaultArn)],
    denied: [
      ...[
        's3:PutBucketObjectLockConfiguration',
        's3:PutBucketVersioning',
        's3:PutLifecycleConfiguration',
        's3:PutReplicationConfiguration',
      ].map((action) => ask(administrator, action, vaultArn)),
      ask(breakGlass, 's3:PutBucketObjectLockConfiguration', vaultArn),
    ],
  },
  ThisPolicyStays: {
    allowed: [
      ask(breakGlass, 's3:PutBucketPolicy', vaultArn),
      ask(cloudFormation, 's3:DeleteBucketPolicy', vaultArn),
    ],
    denied: [
      ask(administrator, 's3:PutBucketPolicy', vaultArn),
      ask(administrator, 's3:DeleteBucketPolicy', vaultArn),
    ],
  },
};

describe('the policy of the vault', () => {
  const { policy } = synthesized.governance;

  test('has a case for each statement, and no statement twice', () => {
    expect(policy.Statement.map(({ Sid }) => Sid).toSorted()).toEqual(Object.keys(cases).toSorted());
  });

  test.each(Object.entries(cases))('%s leaves alone what is meant to go on', async (_, { allowed }) => {
    for (const request of allowed)
      expect(await isAllowed(request, policy), describeRequest(request)).toBe(true);
  });

  test.each(Object.entries(cases))('%s denies', async (_, { denied }) => {
    for (const request of denied)
      expect(await isAllowed(request, policy), describeRequest(request)).toBe(false);
  });

  test.each(Object.entries(cases))('without %s, what it denied is allowed', async (sid, { denied }) => {
    for (const request of denied)
      expect(await isAllowed(request, without(policy, sid)), describeRequest(request)).toBe(true);
  });

  test('has no condition that one of its actions does not know: S3 would refuse the policy', async () => {
    for (const statement of policy.Statement) {
      const keys = Object.values((statement['Condition'] ?? {}) as Record<string, object>).flatMap(
        (operands) => Object.keys(operands),
      );
      const actions = [statement['Action']].flat() as string[];
      for (const action of actions.filter((name) => name !== 's3:*')) {
        const resource = action.includes('Bucket') || action.endsWith('Configuration') ? vaultArn : on(pack);
        const [service = '', name = ''] = action.split(':');
        const known = await allowedContextKeysForRequest(service, name, resource, false, undefined);
        for (const key of keys.filter((one) => one.startsWith('s3:')))
          expect(
            known.map((one) => one.toLowerCase()),
            `${action} and ${key}`,
          ).toContain(key.toLowerCase());
      }
    }
  });

  test('stays against a role of the same name in another account, even where that is let in', async () => {
    const shared = { Sid: 'Shared', Effect: 'Allow', Principal: '*', Action: 's3:*', Resource: '*' };
    const open = { ...policy, Statement: [...policy.Statement, shared] };
    const change = ask(sameNamedElsewhere, 's3:PutBucketPolicy', vaultArn);

    expect(await isAllowed(change, open)).toBe(false);
    expect(await isAllowed(change, without(open, 'ThisPolicyStays'))).toBe(true);
  });

  test.each([
    ['extends a lock', extend(writer, pack, { 's3:object-lock-mode': undefined })],
    ['sets a hold', ask(holder, 's3:PutObjectLegalHold')],
    ['ends a hold', ask(sweeper, 's3:PutObjectLegalHold')],
  ])('does not deny a request that %s and says nothing of what it is judged by', async (_, request) => {
    expect(await isAllowed(request, policy)).toBe(true);
  });

  test('fits into what S3 takes', () => {
    expect(JSON.stringify(policy).length).toBeLessThan(20 * 1024);
  });
});

describe('in compliance mode', () => {
  const { policy } = synthesized.compliance;
  const compliance = { 's3:object-lock-mode': 'COMPLIANCE' };

  test('objects arrive in that mode, and are extended in that mode only', async () => {
    expect(await isAllowed(put(writer, pack, compliance), policy)).toBe(true);
    expect(await isAllowed(extend(writer, pack, compliance), policy)).toBe(true);
    expect(await isAllowed(put(writer, pack), policy)).toBe(false);
    expect(await isAllowed(extend(writer, pack), policy)).toBe(false);
  });

  test.each([
    ['ObjectsArriveInTheLockMode', put(writer, pack)],
    ['LocksAreNeverWeakened', extend(writer, pack)],
  ])('%s is what sees to it', async (sid, request) => {
    expect(await isAllowed(request, without(policy, sid))).toBe(true);
  });
});

describe('a list without a role', () => {
  const { policy } = synthesizePolicy({ lockMode: 'governance', withFunctions: false });

  test.each([
    ['writes', put(writer, pack)],
    ['writes the audit log', put(auditor, 'audit/2026/11/23/1')],
    ['extends locks', extend(writer, pack)],
    ['holds', setHold(holder, 'ON')],
    ['ends holds', setHold(sweeper, 'OFF')],
    ['deletes versions', ask(sweeper, 's3:DeleteObjectVersion')],
  ])('lets in nobody: no role %s', async (_, request) => {
    expect(await isAllowed(request, policy)).toBe(false);
  });

  test('does not shut out who reads', async () => {
    expect(await isAllowed(ask(breakGlass, 's3:GetObjectVersion'), policy)).toBe(true);
  });
});

test('the application deploys these statements, with the caps of its plans', () => {
  const { storage } = synthesize();
  const [deployed] = Object.values(storage.findResources('AWS::S3::BucketPolicy')).filter(({ Properties }) =>
    JSON.stringify(Properties.Bucket).includes('Vault'),
  );
  const statements = deployed?.['Properties'].PolicyDocument.Statement as {
    Sid: string;
    Condition?: { NumericGreaterThan?: Record<string, number> };
  }[];

  expect(statements.map(({ Sid }) => Sid)).toEqual(
    synthesized.governance.policy.Statement.map(({ Sid }) => Sid),
  );
  // 90 days of the plan "weekly", 3 of slack, a generation of 30, and 2 more.
  expect(
    statements.flatMap(({ Sid, Condition }) => {
      const cap = Condition?.NumericGreaterThan?.[REMAINING];
      return cap === undefined ? [] : [`${Sid} ${cap}`];
    }),
  ).toEqual([
    'LocksEndInTime 125',
    'LocksOfTheAuditLogEndInTime 402',
    'LocksOfShortPacksEndInTime 65',
    'LocksOfStandardPacksEndInTime 125',
    'LocksOfLongPacksEndInTime 125',
  ]);
});

function describeRequest({ principal, action, resource, context }: AccessRequest): string {
  return `${principal.name} ${action} ${resource} ${JSON.stringify(context ?? {})}`;
}
