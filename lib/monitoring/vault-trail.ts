import { Aws, Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { CfnTrail } from 'aws-cdk-lib/aws-cloudtrail';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { denyStatement, unlessRole } from '../vault/deny-statement.ts';

export interface VaultTrailProps {
  /** Distinguishes the trail from those of other deployments. */
  readonly deploymentName: string;
  readonly vault: IBucket;
  /** ARN of CloudFormation's role for deploying, which alone may change the way in which the log is kept. */
  readonly deployRoleArn: string;
}

/**
 * CloudTrail's record of who tried what on the vault and its key: deletes in the vault, and changes in the account and
 * region of everything that management events tell of. Without a trail, EventBridge hears of neither.
 *
 * Reads are left out, as is every use of the key: what remains is few. The first trail of an account's management
 * events is free; a second one costs $2 for each 100,000 of them, deletes in the vault $0.10 for each 100,000.
 */
export class VaultTrail extends Construct {
  readonly trailName: string;
  readonly log: IBucket;

  constructor(scope: Construct, id: string, { deploymentName, vault, deployRoleArn }: VaultTrailProps) {
    super(scope, id);
    // The log's policy has to name the trail before there is one.
    this.trailName = `holdfast-${deploymentName}`;
    const trailArn = `arn:${Aws.PARTITION}:cloudtrail:${Aws.REGION}:${Aws.ACCOUNT_ID}:trail/${this.trailName}`;
    const log = new Bucket(this, 'Log', {
      versioned: true,
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      lifecycleRules: [
        {
          id: 'expire',
          expiration: Duration.days(400),
          noncurrentVersionExpiration: Duration.days(30),
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
      ],
      removalPolicy: RemovalPolicy.RETAIN,
    });
    this.log = log;
    for (const statement of logPolicy(log, trailArn, deployRoleArn)) log.addToResourcePolicy(statement);
    Validations.of(log).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'it is a log itself, which nobody but CloudTrail writes to',
    });
    const trail = new CfnTrail(this, 'Trail', {
      trailName: this.trailName,
      s3BucketName: log.bucketName,
      isLogging: true,
      enableLogFileValidation: true,
      isMultiRegionTrail: false,
      includeGlobalServiceEvents: false,
      advancedEventSelectors: [
        {
          name: 'Changes',
          fieldSelectors: [
            { field: 'eventCategory', equalTo: ['Management'] },
            { field: 'readOnly', equalTo: ['false'] },
          ],
        },
        {
          name: 'Deletes in the vault',
          fieldSelectors: [
            { field: 'eventCategory', equalTo: ['Data'] },
            { field: 'resources.type', equalTo: ['AWS::S3::Object'] },
            { field: 'resources.ARN', startsWith: [vault.arnForObjects('')] },
            { field: 'eventName', equalTo: ['DeleteObject', 'DeleteObjects'] },
          ],
        },
      ],
    });
    // CloudTrail tries to write when the trail is made.
    if (log.policy !== undefined) trail.node.addDependency(log.policy);
  }
}

/** CloudTrail writes, nobody deletes, and only S3 removes what expires. */
function logPolicy(log: IBucket, trailArn: string, deployRoleArn: string): PolicyStatement[] {
  const cloudTrail = [new ServicePrincipal('cloudtrail.amazonaws.com')];
  return [
    new PolicyStatement({
      sid: 'CloudTrailLooksAtIt',
      principals: cloudTrail,
      actions: ['s3:GetBucketAcl'],
      resources: [log.bucketArn],
      conditions: { StringEquals: { 'aws:SourceArn': trailArn } },
    }),
    new PolicyStatement({
      sid: 'CloudTrailWrites',
      principals: cloudTrail,
      actions: ['s3:PutObject'],
      resources: [log.arnForObjects(`AWSLogs/${Aws.ACCOUNT_ID}/*`)],
      conditions: {
        StringEquals: { 'aws:SourceArn': trailArn, 's3:x-amz-acl': 'bucket-owner-full-control' },
      },
    }),
    denyStatement({
      sid: 'NobodyElseWrites',
      actions: ['s3:PutObject'],
      resources: [log.arnForObjects('*')],
      conditions: { Bool: { 'aws:PrincipalIsAWSService': 'false' } },
    }),
    denyStatement({
      sid: 'NobodyDeletes',
      actions: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
      resources: [log.arnForObjects('*')],
    }),
    denyStatement({
      sid: 'ConfigurationIsDeployed',
      actions: [
        's3:PutBucketPolicy',
        's3:DeleteBucketPolicy',
        's3:PutBucketVersioning',
        's3:PutLifecycleConfiguration',
      ],
      resources: [log.bucketArn],
      conditions: unlessRole(deployRoleArn),
    }),
  ];
}
