import { safety } from '@holdfast/engine/model';
import { CfnOutput, Duration, Names, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { TableV2, type ITableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key, type IKey } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption, BucketPolicy, type IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { PeopleRoles } from './vault/people-roles.ts';
import type { Storage } from './vault/vault-access.ts';
import { constructIdOf } from './functions/construct-id.ts';
import { deployRoleArnOf } from './vault/deploy-role.ts';
import { VaultBucket } from './vault/vault-bucket.ts';
import { VaultKey } from './vault/vault-key.ts';
import { vaultPolicy } from './vault/vault-policy.ts';
import { CatalogTable, ChunkIndexTable } from './vault/vault-tables.ts';
import { VaultTrail } from './monitoring/vault-trail.ts';
import type { DeploymentConfig } from './deployment-config.ts';
import { vaultParts, type VaultPart } from './vault/vault-parts.ts';
import { lockCaps } from './lock-caps.ts';

/** Room that CloudTrail leaves in a trail's name after the prefix. */
const longestName = 128 - 'holdfast-'.length;

export interface HoldfastStorageProps {
  readonly config: DeploymentConfig;
}

/**
 * Everything that has to outlive a deployment: vault, tables and key, with the roles that the vault's policy names.
 * `cdk destroy` keeps what holds backups; naming it in the configuration (`existingVault`) adopts it again.
 */
export class HoldfastStorage extends Construct implements Storage {
  readonly vault: IBucket;
  readonly workBucket: IBucket;
  readonly catalog: ITableV2;
  readonly chunkIndex: ITableV2;
  readonly key: IKey;
  readonly people: PeopleRoles;
  readonly trail: VaultTrail;
  readonly vaultRoles: Readonly<Record<string, Role>>;

  constructor(scope: Construct, id: string, props: HoldfastStorageProps) {
    super(scope, id);
    const { existingVault, lockMode } = props.config;
    // The stack's, if the storage is all that is in it.
    const deploymentName = Names.uniqueResourceName(this, { maxLength: longestName, separator: '-' });
    this.people = new PeopleRoles(this, 'People');
    this.people.letFind(Stack.of(this));
    if (existingVault === undefined) {
      const { breakGlass } = this.people;
      this.key = new VaultKey(this, 'VaultKey', {
        deploymentName,
        breakGlass,
        deployRoleArn: deployRoleArnOf(this),
      });
      this.vault = new VaultBucket(this, 'Vault', { lockMode });
      this.catalog = new CatalogTable(this, 'Catalog');
      this.chunkIndex = new ChunkIndexTable(this, 'ChunkIndex');
    } else {
      this.key = Key.fromKeyArn(this, 'VaultKey', existingVault.keyArn);
      this.vault = Bucket.fromBucketName(this, 'Vault', existingVault.bucketName);
      this.catalog = TableV2.fromTableName(this, 'Catalog', existingVault.catalogTable);
      this.chunkIndex = TableV2.fromTableName(this, 'ChunkIndex', existingVault.chunkIndexTable);
    }
    this.workBucket = this.makeWorkBucket();
    const parts = vaultParts();
    const names = [...new Set(Object.values(parts).flat())];
    this.vaultRoles = Object.fromEntries(names.map((name) => [name, this.vaultRole(name)]));
    this.people.grantStorage(this, props.config);
    this.protectVault(props.config, parts);
    this.trail = new VaultTrail(this, 'VaultTrail', {
      deploymentName,
      vault: this.vault,
      deployRoleArn: deployRoleArnOf(this),
    });
    this.acknowledge();
    this.describe();
  }

  private makeWorkBucket(): Bucket {
    return new Bucket(this, 'Work', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      lifecycleRules: [
        {
          id: 'expire',
          expiration: Duration.days(safety.workObjectDays),
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
      ],
      // It empties itself; deleting it with the stack would fail as long as it has not.
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }

  private vaultRole(name: string): Role {
    return new Role(this, `${constructIdOf(name)}Role`, {
      description: `Holdfast function ${name}, which the vault's policy knows`,
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    });
  }

  private protectVault(
    { plans, lockMode, existingVault }: DeploymentConfig,
    parts: ReturnType<typeof vaultParts>,
  ): void {
    const rolesOf = (part: VaultPart): Role[] =>
      parts[part].map((name) => this.vaultRoles[name]).filter((role) => role !== undefined);
    const statements = vaultPolicy(
      this.vault,
      {
        writers: rolesOf('writers'),
        sweepers: rolesOf('sweepers'),
        renewers: rolesOf('renewers'),
        holders: rolesOf('holders'),
        auditors: rolesOf('auditors'),
        breakGlass: this.people.breakGlass,
        deployRoleArn: deployRoleArnOf(this),
      },
      { lockMode, caps: lockCaps(plans) },
    );
    if (existingVault !== undefined) {
      // The policy left with the stack that made the vault: it named roles that are gone.
      const policy = new BucketPolicy(this, 'AdoptedVaultPolicy', { bucket: this.vault });
      policy.document.addStatements(...statements);
      return;
    }
    for (const statement of statements) this.vault.addToResourcePolicy(statement);
  }

  private acknowledge(): void {
    for (const bucket of [this.vault, this.workBucket]) {
      Validations.of(bucket).acknowledge({
        id: 'AwsSolutions-S1',
        reason:
          'deletes in the vault are recorded by its trail, and the rest by CloudTrail data events where the account keeps them; server access logs may lose entries',
      });
    }
    Validations.of(this.chunkIndex).acknowledge({
      id: 'AwsSolutions-DDB3',
      reason: 'the index can be rebuilt from the vault, and losing it costs duplicates only',
    });
  }

  private describe(): void {
    const output = (id: string, value: string, description: string): void => {
      void new CfnOutput(this, id, { value, description });
    };
    output('VaultBucketName', this.vault.bucketName, 'existingVault.bucketName of a later deployment');
    output('KeyArn', this.key.keyArn, 'existingVault.keyArn of a later deployment');
    output('CatalogTableName', this.catalog.tableName, 'existingVault.catalogTable of a later deployment');
    output(
      'ChunkIndexTableName',
      this.chunkIndex.tableName,
      'existingVault.chunkIndexTable of a later deployment',
    );
    output('WorkBucketName', this.workBucket.bucketName, 'Working files; expire after 14 days');
    output(
      'TrailLogBucketName',
      this.trail.log.bucketName,
      'What the trail saw of the vault; expires after 400 days',
    );
    output(
      'OperatorRoleArn',
      this.people.operator.roleArn,
      'Assume to watch, to start cycles and to stop runs',
    );
    output('RestorerRoleArn', this.people.restorer.roleArn, 'Assume to restore');
    output('HolderRoleArn', this.people.holder.roleArn, 'Assume to set and release legal holds');
    output(
      'BreakGlassRoleArn',
      this.people.breakGlass.roleArn,
      'Assume to read the vault when all else fails',
    );
    output(
      'WithoutHoldfast',
      `s3://${this.vault.bucketName}`,
      'The vault is complete: this bucket, kms:Decrypt on KeyArn and docs/format.md are all that a restore needs',
    );
  }
}
