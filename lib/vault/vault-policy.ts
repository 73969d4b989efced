import type { IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { LockCaps } from '../lock-caps.ts';
import { denyStatement, otherThan, unlessRole, type Denial } from './deny-statement.ts';

/** Principals that a vault's policy lets in. An empty list lets in nobody. */
export interface VaultPrincipals {
  /** Roles of functions that store objects and extend their locks. */
  readonly writers: readonly IRole[];
  /** Roles of functions that remove versions whose lock has ended, and switch S3's legal hold off before. */
  readonly sweepers: readonly IRole[];
  /** Roles of functions that only extend locks. */
  readonly renewers: readonly IRole[];
  /** Roles of functions that put points under legal hold, and lease what these need. */
  readonly holders: readonly IRole[];
  /** Roles of functions that do nothing in the vault but write its audit log; all of the above may as well. */
  readonly auditors: readonly IRole[];
  /** The role that may change the vault's policy by hand. */
  readonly breakGlass: IRole;
  /** ARN of CloudFormation's role for deploying. */
  readonly deployRoleArn: string;
}

/** Rules that a vault's policy enforces beside who may do what. */
export interface VaultPolicyRules {
  readonly lockMode: 'governance' | 'compliance';
  readonly caps: LockCaps;
}

const EXTEND = 's3:PutObjectRetention';
const LOCK_MODE = 's3:object-lock-mode';
const LEGAL_HOLD = 's3:object-lock-legal-hold';
/** False for the parts of a multipart upload and for its beginning, none of which can carry `If-None-Match`. */
const CREATES_OBJECT = { 's3:ObjectCreationOperation': 'true' };

/**
 * Denials of the vault, whatever a role's own policy says. They give nothing to anybody.
 *
 * It can be changed by deploying, by the break-glass role, and always by the account's root user, whom S3 lets change a
 * bucket's policy whatever that says: nobody can lock the account out of its own vault.
 *
 * S3 refuses a policy with a condition key that one of the statement's actions does not know, so statements are cut by
 * that; a test checks it.
 */
export function vaultPolicy(
  vault: IBucket,
  principals: VaultPrincipals,
  rules: VaultPolicyRules,
): PolicyStatement[] {
  return [
    ...transport(vault),
    ...placesOfWriters(vault, principals),
    ...newObjects(vault, rules),
    ...locks(vault, principals, rules),
    ...removal(vault, principals),
    ...configuration(vault, principals),
  ];
}

function transport(vault: IBucket): PolicyStatement[] {
  const everything = { actions: ['s3:*'], resources: [vault.bucketArn, vault.arnForObjects('*')] };
  return [
    denyStatement({
      sid: 'OnlyTls',
      ...everything,
      conditions: { Bool: { 'aws:SecureTransport': 'false' } },
    }),
    denyStatement({
      sid: 'OnlyModernTls',
      ...everything,
      conditions: { NumericLessThan: { 's3:TlsVersion': 1.2 } },
    }),
  ];
}

function placesOfWriters(vault: IBucket, principals: VaultPrincipals): PolicyStatement[] {
  const { writers, sweepers, renewers, holders, auditors } = principals;
  const audit = vault.arnForObjects('audit/*');
  return [
    denyStatement({
      sid: 'OnlyWritersWrite',
      actions: ['s3:PutObject'],
      exceptResources: [audit],
      conditions: unlessRole(...writers),
    }),
    // To put an object with a lock, S3 asks for the right to set one as well.
    denyStatement({
      sid: 'OnlyFunctionsWriteTheAuditLog',
      actions: ['s3:PutObject', EXTEND],
      resources: [audit],
      conditions: unlessRole(...writers, ...sweepers, ...renewers, ...holders, ...auditors),
    }),
    // Replicas bring locks and delete markers of another bucket with them.
    denyStatement({
      sid: 'NothingIsReplicatedInto',
      actions: ['s3:ReplicateObject', 's3:ReplicateDelete'],
      resources: [vault.arnForObjects('*')],
    }),
  ];
}

function newObjects(vault: IBucket, { lockMode }: VaultPolicyRules): PolicyStatement[] {
  const put = { actions: ['s3:PutObject'], resources: [vault.arnForObjects('*')] };
  return [
    denyStatement({
      sid: 'NamesAreWrittenOnce',
      ...put,
      conditions: { Null: { 's3:if-none-match': 'true' }, Bool: CREATES_OBJECT },
    }),
    // The lock of a multipart upload is named when it begins, so its completion has none to show: who completes a
    // container reads its lock back. Everything else is a single put.
    denyStatement({
      sid: 'ObjectsArriveLocked',
      actions: put.actions,
      exceptResources: [vault.arnForObjects('containers/*')],
      conditions: { Null: { [LOCK_MODE]: 'true' }, Bool: CREATES_OBJECT },
    }),
    denyStatement({
      sid: 'ObjectsArriveInTheLockMode',
      ...put,
      conditions: otherThan(LOCK_MODE, lockMode.toUpperCase()),
    }),
  ];
}

function locks(
  vault: IBucket,
  { writers, renewers, holders }: VaultPrincipals,
  { lockMode, caps }: VaultPolicyRules,
): PolicyStatement[] {
  const objects = [vault.arnForObjects('*')];
  // Objects locked in compliance mode before the vault's mode was changed can only be extended as such.
  const modes = lockMode === 'compliance' ? ['COMPLIANCE'] : ['GOVERNANCE', 'COMPLIANCE'];
  return [
    denyStatement({
      sid: 'OnlyWritersExtendLocks',
      actions: [EXTEND],
      exceptResources: [vault.arnForObjects('audit/*')],
      conditions: unlessRole(...writers, ...renewers, ...holders),
    }),
    // Without a mode, a lock is taken away, for which S3 asks for the bypass that nobody has.
    denyStatement({
      sid: 'LocksAreNeverWeakened',
      actions: [EXTEND],
      resources: objects,
      conditions: otherThan(LOCK_MODE, ...modes),
    }),
    ...capStatements(vault, caps),
    // The date of an event hold moves with the clock, past every cap.
    denyStatement({
      sid: 'NoEventHolds',
      actions: ['s3:PutObject', EXTEND],
      resources: objects,
      conditions: { Null: { 's3:object-lock-event-hold': 'false' } },
    }),
    denyStatement({
      sid: 'NobodyBypassesLocks',
      actions: ['s3:BypassGovernanceRetention'],
      resources: objects,
    }),
  ];
}

function capStatements(vault: IBucket, { byClass, audit, longest }: LockCaps): PolicyStatement[] {
  const auditLog = [vault.arnForObjects('audit/*')];
  return [
    cap('LocksEndInTime', longest, { exceptResources: auditLog }),
    cap('LocksOfTheAuditLogEndInTime', audit, { resources: auditLog }),
    ...Object.entries(byClass).map(([name, days]) =>
      cap(`LocksOf${capitalized(name)}PacksEndInTime`, days, {
        resources: [vault.arnForObjects(`packs/${name}/*`)],
      }),
    ),
  ];
}

function cap(
  sid: string,
  days: number,
  where: Pick<Denial, 'resources' | 'exceptResources'>,
): PolicyStatement {
  return denyStatement({
    sid,
    actions: ['s3:PutObject', EXTEND],
    ...where,
    conditions: { NumericGreaterThan: { 's3:object-lock-remaining-retention-days': days } },
  });
}

function removal(vault: IBucket, { sweepers, holders }: VaultPrincipals): PolicyStatement[] {
  const objects = [vault.arnForObjects('*')];
  return [
    denyStatement({
      sid: 'OnlyHoldersHold',
      actions: ['s3:PutObjectLegalHold'],
      resources: objects,
      conditions: { ...otherThan(LEGAL_HOLD, 'OFF'), ...unlessRole(...holders) },
    }),
    // S3's flag is one for all holds: only who has seen that none is left may take it away.
    denyStatement({
      sid: 'OnlySweepersEndHolds',
      actions: ['s3:PutObjectLegalHold'],
      resources: objects,
      conditions: { ...otherThan(LEGAL_HOLD, 'ON'), ...unlessRole(...sweepers) },
    }),
    // A delete marker would hide an object and let its name be written again. Versions are another action.
    denyStatement({ sid: 'NoDeleteMarkers', actions: ['s3:DeleteObject'], resources: objects }),
    denyStatement({
      sid: 'OnlySweepersDeleteVersions',
      actions: ['s3:DeleteObjectVersion'],
      resources: objects,
      conditions: unlessRole(...sweepers),
    }),
    denyStatement({
      sid: 'KeysAndAuditLogStay',
      actions: ['s3:DeleteObjectVersion'],
      resources: ['format.json', 'keys/*', 'audit/*'].map((name) => vault.arnForObjects(name)),
    }),
  ];
}

function configuration(vault: IBucket, { breakGlass, deployRoleArn }: VaultPrincipals): PolicyStatement[] {
  return [
    denyStatement({
      sid: 'ConfigurationIsDeployed',
      actions: [
        's3:PutBucketObjectLockConfiguration',
        's3:PutBucketVersioning',
        's3:PutLifecycleConfiguration',
        's3:PutReplicationConfiguration',
      ],
      resources: [vault.bucketArn],
      conditions: unlessRole(deployRoleArn),
    }),
    denyStatement({
      sid: 'ThisPolicyStays',
      actions: ['s3:PutBucketPolicy', 's3:DeleteBucketPolicy'],
      resources: [vault.bucketArn],
      conditions: unlessRole(breakGlass, deployRoleArn),
    }),
  ];
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
