import { safety } from '@holdfast/engine/model';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  BlockedEncryptionType,
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  ObjectLockRetention,
} from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';

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
        {
          id: 'abort-unfinished-uploads',
          abortIncompleteMultipartUploadAfter: Duration.days(safety.unfinishedUploadDays),
        },
      ],
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }
}
