import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
  UploadPartCommand,
  type PutObjectCommandInput,
  type PutObjectRetentionCommandInput,
} from '@aws-sdk/client-s3';
import { S3ObjectStore, SystemClock } from '@holdfast/aws';
import { utf8 } from '@holdfast/engine';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { without } from '../infra/simulate.ts';
import { CAPS, type RoleId } from '../infra/vault-stack.ts';
import { deployEnforcedVault, type EnforcedVault } from './support/enforced-vault.ts';

const dayMs = 86_400_000;
const inDays = (days: number): Date => new Date(Date.now() + days * dayMs - 60_000);

let vault: EnforcedVault;
beforeAll(async () => {
  vault = await deployEnforcedVault({ lockMode: 'governance' });
});
afterAll(async () => vault.stop());

/** The bucket's policy denies it: not a lock, not a missing permission. Anything else counts as let through. */
async function isDenied(request: () => Promise<unknown>): Promise<boolean> {
  try {
    await request();
    return false;
  } catch (error) {
    return /explicit deny in a resource-based policy/.test((error as Error).message);
  }
}

let count = 0;
const fresh = (prefix = 'packs/standard/ab/'): string => `${prefix}${(count += 1)}`;
const s3 = (role: RoleId) => vault.as[role].s3;

/** A put as the writers make it, with changes; `undefined` leaves a header out. */
async function put(role: RoleId, name: string, changes: Partial<PutObjectCommandInput> = {}) {
  return s3(role).send(
    new PutObjectCommand({
      Bucket: vault.bucket,
      Key: name,
      Body: 'x',
      IfNoneMatch: '*',
      ObjectLockMode: 'GOVERNANCE',
      ObjectLockRetainUntilDate: inDays(60),
      ...changes,
    }),
  );
}

/** An object that is there, under a lock of two days. */
async function stored(
  name = fresh(),
): Promise<{ Bucket: string; Key: string; VersionId: string | undefined }> {
  const { VersionId } = await put(name.startsWith('audit/') ? 'Auditor' : 'Writer', name, {
    ObjectLockRetainUntilDate: inDays(2),
  });
  return { Bucket: vault.bucket, Key: name, VersionId };
}

async function extend(
  role: RoleId,
  days: number,
  changes: Partial<NonNullable<PutObjectRetentionCommandInput['Retention']>> = {},
  name = fresh(),
) {
  const object = await stored(name);
  return () =>
    s3(role).send(
      new PutObjectRetentionCommand({
        ...object,
        Retention: { Mode: 'GOVERNANCE', RetainUntilDate: inDays(days), ...changes },
      }),
    );
}

async function setHold(role: RoleId, Status: 'ON' | 'OFF') {
  const object = await stored(fresh('points/r/'));
  return () => s3(role).send(new PutObjectLegalHoldCommand({ ...object, LegalHold: { Status } }));
}

async function remove(role: RoleId, name?: string, bypass = false) {
  const object = await stored(name);
  return () =>
    s3(role).send(
      new DeleteObjectCommand({ ...object, ...(bypass ? { BypassGovernanceRetention: true } : {}) }),
    );
}

/** A multipart upload of a container up to its completion, which is returned. */
async function upload(changes: { readonly lockMode?: 'COMPLIANCE'; readonly days?: number }) {
  const address = { Bucket: vault.bucket, Key: fresh('containers/') };
  const { UploadId } = await s3('Writer').send(
    new CreateMultipartUploadCommand({
      ...address,
      ObjectLockMode: changes.lockMode ?? 'GOVERNANCE',
      ObjectLockRetainUntilDate: inDays(changes.days ?? 60),
    }),
  );
  const { ETag } = await s3('Writer').send(
    new UploadPartCommand({ ...address, UploadId, PartNumber: 1, Body: 'x' }),
  );
  return (IfNoneMatch?: '*') =>
    s3('Writer').send(
      new CompleteMultipartUploadCommand({
        ...address,
        UploadId,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
        IfNoneMatch,
      }),
    );
}

type Request = () => Promise<unknown>;
interface Case {
  /** Prepares a request that the statement leaves alone. */
  readonly allowed: () => Promise<Request>;
  /** Prepares one that this statement denies, and no other. */
  readonly denied: () => Promise<Request>;
}
const at = (request: Request) => async (): Promise<Request> => Promise.resolve(request);
const configure = (role: RoleId) => () =>
  s3(role).send(
    new PutBucketVersioningCommand({
      Bucket: vault.bucket,
      VersioningConfiguration: { Status: 'Enabled' },
    }),
  );

const cases: Readonly<Record<string, Case>> = {
  OnlyWritersWrite: {
    allowed: at(() => put('Writer', fresh())),
    // Who may extend locks, which a put with a lock needs as well, but not write.
    denied: at(() => put('Renewer', fresh())),
  },
  OnlyFunctionsWriteTheAuditLog: {
    allowed: at(() => put('Auditor', fresh('audit/'))),
    denied: at(() => put('BreakGlass', fresh('audit/'))),
  },
  NamesAreWrittenOnce: {
    allowed: async () => {
      const complete = await upload({});
      return () => complete('*');
    },
    denied: async () => {
      const complete = await upload({});
      return () => complete();
    },
  },
  ObjectsArriveLocked: {
    allowed: at(() => put('Writer', fresh())),
    denied: at(() =>
      put('Writer', fresh(), { ObjectLockMode: undefined, ObjectLockRetainUntilDate: undefined }),
    ),
  },
  ObjectsArriveInTheLockMode: {
    allowed: at(() => upload({})),
    denied: at(() => upload({ lockMode: 'COMPLIANCE' })),
  },
  OnlyWritersExtendLocks: {
    allowed: () => extend('Holder', 60),
    denied: () => extend('Sweeper', 60),
  },
  LocksAreNeverWeakened: {
    allowed: () => extend('Writer', 60),
    denied: () => extend('Writer', 60, { Mode: 'A-WEAKER-ONE' as 'GOVERNANCE' }),
  },
  LocksEndInTime: {
    allowed: at(() => upload({ days: CAPS.longest })),
    denied: at(() => upload({ days: CAPS.longest + 1 })),
  },
  LocksOfTheAuditLogEndInTime: {
    allowed: at(() => put('Auditor', fresh('audit/'), { ObjectLockRetainUntilDate: inDays(CAPS.audit) })),
    denied: at(() => put('Auditor', fresh('audit/'), { ObjectLockRetainUntilDate: inDays(CAPS.audit + 1) })),
  },
  LocksOfShortPacksEndInTime: {
    allowed: () => extend('Writer', CAPS.byClass.short, {}, fresh('packs/short/ab/')),
    denied: () => extend('Writer', CAPS.byClass.short + 1, {}, fresh('packs/short/ab/')),
  },
  LocksOfStandardPacksEndInTime: {
    allowed: () => extend('Writer', CAPS.byClass.standard),
    denied: () => extend('Writer', CAPS.byClass.standard + 1),
  },
  LocksOfLongPacksEndInTime: {
    allowed: at(() =>
      put('Writer', fresh('packs/long/ab/'), { ObjectLockRetainUntilDate: inDays(CAPS.byClass.long) }),
    ),
    denied: at(() =>
      put('Writer', fresh('packs/long/ab/'), { ObjectLockRetainUntilDate: inDays(CAPS.byClass.long + 1) }),
    ),
  },
  NoEventHolds: {
    allowed: () => extend('Writer', 60),
    denied: at(() =>
      put('Writer', fresh(), { ObjectLockEventHold: 'ON', ObjectLockEventHoldDurationDays: 1 }),
    ),
  },
  NobodyBypassesLocks: {
    allowed: () => extend('Writer', 60),
    denied: () => remove('Sweeper', undefined, true),
  },
  OnlyHoldersHold: {
    allowed: () => setHold('Holder', 'ON'),
    denied: () => setHold('Sweeper', 'ON'),
  },
  OnlySweepersEndHolds: {
    allowed: () => setHold('Sweeper', 'OFF'),
    denied: () => setHold('Holder', 'OFF'),
  },
  NoDeleteMarkers: {
    allowed: () => remove('Sweeper'),
    denied: at(() => s3('Sweeper').send(new DeleteObjectCommand({ Bucket: vault.bucket, Key: fresh() }))),
  },
  OnlySweepersDeleteVersions: {
    allowed: () => remove('Sweeper'),
    denied: () => remove('Administrator'),
  },
  KeysAndAuditLogStay: {
    allowed: () => remove('Sweeper', fresh('points/r/')),
    denied: () => remove('Sweeper', fresh('keys/')),
  },
  ConfigurationIsDeployed: {
    allowed: at(() => s3('BreakGlass').send(new ListObjectsV2Command({ Bucket: vault.bucket }))),
    denied: at(configure('BreakGlass')),
  },
  ThisPolicyStays: {
    allowed: at(() =>
      s3('BreakGlass').send(
        new PutBucketPolicyCommand({ Bucket: vault.bucket, Policy: JSON.stringify(vault.bucketPolicy) }),
      ),
    ),
    denied: at(() =>
      s3('Administrator').send(
        new PutBucketPolicyCommand({ Bucket: vault.bucket, Policy: JSON.stringify(vault.bucketPolicy) }),
      ),
    ),
  },
};
/** The emulator has no replication into a bucket, and does not know the TLS version; the simulator covers these. */
const NOT_HERE = ['OnlyModernTls', 'NothingIsReplicatedInto'];

describe('where IAM is enforced, the policy of the vault', () => {
  beforeEach(async () => vault.setBucketPolicy(vault.bucketPolicy));

  test('is the one of the template', () => {
    expect(vault.bucketPolicy.Statement.map(({ Sid }) => Sid).toSorted()).toEqual(
      [...Object.keys(cases), 'OnlyTls', ...NOT_HERE].toSorted(),
    );
  });

  test.each(Object.entries(cases))('leaves alone what %s is not about', async (_, { allowed }) => {
    expect(await isDenied(await allowed())).toBe(false);
  });

  test.each(Object.entries(cases))('denies by %s, and by nothing else', async (sid, { denied }) => {
    expect(await isDenied(await denied())).toBe(true);

    const request = await denied();
    await vault.setBucketPolicy(without(vault.bucketPolicy, sid));

    expect(await isDenied(request)).toBe(false);
  });

  test.each<[string, Request]>([
    [
      'the lock configuration',
      () =>
        s3('Administrator').send(
          new PutObjectLockConfigurationCommand({
            Bucket: vault.bucket,
            ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled' },
          }),
        ),
    ],
    [
      'the lifecycle',
      () =>
        s3('Administrator').send(
          new PutBucketLifecycleConfigurationCommand({
            Bucket: vault.bucket,
            LifecycleConfiguration: {
              Rules: [{ ID: 'x', Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } }],
            },
          }),
        ),
    ],
    [
      'the whole policy',
      () => s3('Administrator').send(new DeleteBucketPolicyCommand({ Bucket: vault.bucket })),
    ],
  ])('denies an administrator to change %s', async (_, request) => {
    expect(await isDenied(request)).toBe(true);
  });

  test('lets the store of the writers do all that it does', async () => {
    const clients = { s3: s3('Writer'), s3WithoutRetries: s3('Writer') };
    const store = new S3ObjectStore(clients, vault.bucket, new SystemClock());
    const lock = { mode: 'governance', until: inDays(30) } as const;
    const later = {
      mode: 'governance',
      until: new Date(Math.floor(inDays(50).getTime() / 1000) * 1000),
    } as const;

    const pack = await store.put(fresh(), utf8('pack'), { lock });
    const container = await store.startMultipart(fresh('containers/'), { lock });
    await container.addPart(utf8('part'));
    const completed = await container.complete();

    expect((await store.head(completed.name)).lock?.mode).toBe('governance');
    expect(await store.extendLock(pack.name, pack.versionId, later)).toEqual(later);
    await expect(store.removeVersion(pack.name, pack.versionId)).rejects.toThrow();
  });
});

test('over plain HTTP, the vault is closed, even for reading', async () => {
  const plain = await deployEnforcedVault({ lockMode: 'governance', tls: false });
  try {
    const read: Request = () =>
      plain.as.BreakGlass.s3.send(new GetObjectCommand({ Bucket: plain.bucket, Key: 'absent' }));

    expect(await isDenied(read)).toBe(true);
    await plain.setBucketPolicy(without(plain.bucketPolicy, 'OnlyTls'));
    expect(await isDenied(read)).toBe(false);
  } finally {
    await plain.stop();
  }
});
