import { Aws, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, PolicyStatement, type IRole } from 'aws-cdk-lib/aws-iam';
import {
  BlockedEncryptionType,
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  ObjectLockRetention,
  type IBucket,
} from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';

/** Properties of {@link VaultBucket}. */
export interface VaultBucketProps {
  readonly lockMode: 'governance' | 'compliance';
}

/**
 * The bucket that holds the vault: versioned, and locked for a day by default. Writers set the lock that a backup
 * needs on each object; the default catches whatever has none.
 */
export class VaultBucket extends Bucket {
  constructor(scope: Construct, id: string, props: VaultBucketProps) {
    const oneDay = Duration.days(1);
    super(scope, id, {
      versioned: true,
      objectLockDefaultRetention:
        props.lockMode === 'compliance'
          ? ObjectLockRetention.compliance(oneDay)
          : ObjectLockRetention.governance(oneDay),
      // Everything in it is encrypted before it arrives; a KMS key here would add a request to each object's price
      // and nothing to its secrecy.
      encryption: BucketEncryption.S3_MANAGED,
      blockedEncryptionTypes: [BlockedEncryptionType.SSE_C],
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      lifecycleRules: [
        { id: 'abort-unfinished-uploads', abortIncompleteMultipartUploadAfter: Duration.days(7) },
      ],
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }
}

/** Who a vault's policy lets in. */
export interface VaultPrincipals {
  /** Roles of functions that store objects or extend their locks. */
  readonly writers: readonly IRole[];
  /** The one role that may lift a governance lock, and move a lock's date by hand. */
  readonly breakGlass: IRole;
}

/**
 * What the vault refuses, whatever a role's own policy says. Nothing here can lock out who deploys: the policy itself,
 * tags, metrics and lifecycle stay with the account's administrators, and CloudFormation keeps the lock configuration.
 */
export function vaultPolicy(vault: IBucket, { writers, breakGlass }: VaultPrincipals): PolicyStatement[] {
  const objects = vault.arnForObjects('*');
  const writerArns = writers.map((role) => role.roleArn);
  return [
    deny('OnlyTls', ['s3:*'], [vault.bucketArn, objects], { Bool: { 'aws:SecureTransport': 'false' } }),
    deny('OnlyModernTls', ['s3:*'], [vault.bucketArn, objects], {
      NumericLessThan: { 's3:TlsVersion': 1.2 },
    }),
    // A delete marker would hide an object and let its name be written again. Versions are another action.
    deny('NoDeleteMarkers', ['s3:DeleteObject'], objects),
    deny('OnlyWritersWrite', ['s3:PutObject', 's3:ReplicateObject'], objects, {
      ArnNotEquals: { 'aws:PrincipalArn': writerArns },
    }),
    deny('OnlyWritersExtendLocks', ['s3:PutObjectRetention'], objects, {
      ArnNotEquals: { 'aws:PrincipalArn': [...writerArns, breakGlass.roleArn] },
    }),
    // Names are written once. Parts of a multipart upload cannot carry the header; completing one can.
    deny('NamesAreWrittenOnce', ['s3:PutObject'], objects, {
      Null: { 's3:if-none-match': 'true' },
      Bool: { 's3:ObjectCreationOperation': 'true' },
    }),
    deny('NoBypassOfLocks', ['s3:BypassGovernanceRetention'], objects, {
      ArnNotEquals: { 'aws:PrincipalArn': breakGlass.roleArn },
    }),
    deny(
      'LockConfigurationStays',
      ['s3:PutBucketObjectLockConfiguration', 's3:PutBucketVersioning'],
      vault.bucketArn,
      {
        ArnNotLike: {
          'aws:PrincipalArn': `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:role/cdk-*-cfn-exec-role-*`,
        },
      },
    ),
  ];
}

function deny(
  sid: string,
  actions: string[],
  resources: string | string[],
  conditions?: Record<string, Record<string, string | number | string[]>>,
): PolicyStatement {
  return new PolicyStatement({
    sid,
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions,
    resources: [resources].flat(),
    ...(conditions === undefined ? {} : { conditions }),
  });
}
