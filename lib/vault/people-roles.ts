import { Aws, Duration, Lazy, Stack } from 'aws-cdk-lib';
import { AccountRootPrincipal, type PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { allow, ExactPolicy } from '../functions/exact-policy.ts';
import type { DeploymentConfig } from '../deployment-config.ts';
import { describes, listsAccount, readsBlocks } from '../functions/source-access.ts';
import {
  accountOfArn,
  closesRuns,
  listsVault,
  readsCatalog,
  readsVault,
  readsWork,
  seesHolds,
  sharesRecords,
  thawsContainers,
  type Storage,
} from './vault-access.ts';

/** Characters of a stack's name that are sure to be in the names that CloudFormation makes of it. */
const nameBeginning = 20;

/**
 * Roles for people to assume, each with MFA. The account delegates: who may assume one is decided by the policies of
 * the account's own users and roles (`sts:AssumeRole` on the role's ARN). MFA is asked for then, and only then: the
 * session of a role carries no trace of it, so a permission that asked for it would never be given. Sessions of IAM
 * Identity Center carry no MFA flag; there, give a permission set the same statements instead.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html
 *
 * - operator: watches, starts cycles and backups, stops runs, sees what of the account has no backup. Reads the catalog,
 *   never the vault's content.
 * - restorer: finds, compares and verifies what is in the vault and in snapshots of runs, and starts restores into the
 *   configured targets.
 * - holder: sets and releases legal holds, and sees which points there are.
 * - break-glass: reads the vault without Holdfast, and mends the policies of the vault and of its key, which nobody
 *   else may change by hand. It can end neither.
 */
export class PeopleRoles extends Construct {
  readonly operator: Role;
  readonly restorer: Role;
  readonly holder: Role;
  readonly breakGlass: Role;
  /** Names of the stacks whose outputs the command line reads. */
  private readonly stacks = new Set<string>();

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.operator = this.role(
      'Operator',
      'Watches Holdfast, starts cycles and stops runs',
      Duration.hours(8),
    );
    this.restorer = this.role('Restorer', 'Starts restores into configured targets', Duration.hours(8));
    this.holder = this.role('Holder', 'Sets and releases legal holds', Duration.hours(1));
    this.breakGlass = this.role(
      'BreakGlass',
      'Reads the vault without Holdfast and mends the policies of vault and key',
      Duration.hours(1),
    );
  }

  /** Lets the roles look at a stack, so that the command line finds what is deployed with it. */
  letFind(stack: Stack): void {
    this.stacks.add(stack.stackName);
  }

  grantStorage(storage: Storage, config: DeploymentConfig): void {
    this.allow('Operator', this.operator, [
      ...readsCatalog(storage),
      // Cancelling closes the run, and takes the time from the vault.
      closesRuns(storage),
      listsVault(storage),
      this.readsStacks(),
      ...readsWork(storage, ['cycles/*', 'runs/*', 'restores/*']),
      ...listsAccount(),
      ...this.seesProtection(storage),
    ]);
    this.allow('Restorer', this.restorer, [
      ...readsCatalog(storage),
      ...readsVault(storage),
      seesHolds(storage, ['*']),
      thawsContainers(storage),
      ...readsWork(storage, ['restores/*']),
      this.readsStacks(),
      ...this.seesProtection(storage),
      // Verifying an image is looking for its snapshots.
      describes('Snapshots'),
      // Files of a point whose blocks are in EBS alone are read there, in turn with the workers.
      ...readsBlocks(Stack.of(this), config, 'read'),
      sharesRecords(storage),
    ]);
    this.allow('Holder', this.holder, [...readsCatalog(storage), this.readsStacks()]);
    this.allow('BreakGlass', this.breakGlass, [
      this.readsStacks(),
      ...readsCatalog(storage),
      ...readsVault(storage),
      thawsContainers(storage),
      ...this.mendsPolicies(storage),
      describes('Snapshots'),
    ]);
  }

  /**
   * Rights that the policies of vault and key leave to break-glass. Ending the key is not among them: whoever has to,
   * is given that permission by an administrator first.
   */
  private mendsPolicies({ vault, key }: Storage): PolicyStatement[] {
    return [
      allow('MendVaultPolicy', ['s3:GetBucketPolicy', 's3:PutBucketPolicy'], [vault.bucketArn]),
      allow(
        'MendKey',
        ['kms:DescribeKey', 'kms:GetKeyPolicy', 'kms:PutKeyPolicy', 'kms:EnableKey', 'kms:CancelKeyDeletion'],
        [key.keyArn],
      ),
    ];
  }

  /** Reading how vault and key are protected, whether a trail watches them, and what limits work: none of it is data. */
  private seesProtection({ vault, key }: Storage): PolicyStatement[] {
    return [
      allow(
        'SeeVaultProtection',
        [
          's3:GetBucketObjectLockConfiguration',
          's3:GetBucketPolicy',
          's3:GetBucketPublicAccessBlock',
          's3:GetBucketVersioning',
        ],
        [vault.bucketArn],
      ),
      allow('SeeKeyProtection', ['kms:DescribeKey', 'kms:GetKeyPolicy'], [key.keyArn]),
      // None of them knows a resource.
      allow(
        'FindTrails',
        ['cloudtrail:DescribeTrails', 'lambda:GetAccountSettings', 'servicequotas:GetAWSDefaultServiceQuota'],
        ['*'],
        {
          StringEquals: { 'aws:RequestedRegion': Aws.REGION },
        },
      ),
      allow(
        'SeeTrails',
        ['cloudtrail:GetEventSelectors', 'cloudtrail:GetTrailStatus'],
        [`arn:${Aws.PARTITION}:cloudtrail:${Aws.REGION}:${Aws.ACCOUNT_ID}:trail/*`],
        accountOfArn,
      ),
      allow(
        'SeeBlockQuotas',
        ['servicequotas:GetServiceQuota'],
        [`arn:${Aws.PARTITION}:servicequotas:${Aws.REGION}:${Aws.ACCOUNT_ID}:ebs/*`],
        accountOfArn,
      ),
      allow(
        'SeeRoles',
        ['iam:GetRole', 'iam:GetRolePolicy', 'iam:ListAttachedRolePolicies', 'iam:ListRolePolicies'],
        this.ofStacks((beginning) => `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:role/${beginning}*`),
        accountOfArn,
      ),
      allow(
        'SeeRolesOfFunctions',
        ['lambda:GetFunctionConfiguration', 'scheduler:GetSchedule'],
        this.ofStacks(
          (beginning) => `arn:${Aws.PARTITION}:lambda:${Aws.REGION}:${Aws.ACCOUNT_ID}:function:${beginning}*`,
          (beginning) =>
            `arn:${Aws.PARTITION}:scheduler:${Aws.REGION}:${Aws.ACCOUNT_ID}:schedule/${beginning}*`,
        ),
        accountOfArn,
      ),
      // Their names do not begin with that of their stack.
      allow(
        'SeeRolesOfWorkflows',
        ['states:DescribeStateMachine'],
        [`arn:${Aws.PARTITION}:states:${Aws.REGION}:${Aws.ACCOUNT_ID}:stateMachine:*`],
        accountOfArn,
      ),
      allow(
        'SeeSubscriptions',
        ['sns:ListSubscriptionsByTopic'],
        [`arn:${Aws.PARTITION}:sns:${Aws.REGION}:${Aws.ACCOUNT_ID}:*`],
        accountOfArn,
      ),
    ];
  }

  /** ARNs of what has a name that CloudFormation made of a stack's, which it cuts where the name has no room for it. */
  private ofStacks(...arnsOf: readonly ((beginning: string) => string)[]): string[] {
    return Lazy.list({
      produce: () =>
        [...this.stacks].flatMap((name) => arnsOf.map((arnOf) => arnOf(name.slice(0, nameBeginning)))),
    });
  }

  /** Rights with which the command line finds a deployment by the outputs of its stacks, and compares their templates. */
  private readsStacks(): PolicyStatement {
    const place = `arn:${Aws.PARTITION}:cloudformation:${Aws.REGION}:${Aws.ACCOUNT_ID}`;
    return allow(
      'ReadStackOutputs',
      ['cloudformation:DescribeStacks', 'cloudformation:GetTemplate', 'cloudformation:ListStackResources'],
      // Known when all of them are.
      Lazy.list({ produce: () => [...this.stacks].map((name) => `${place}:stack/${name}/*`) }),
      accountOfArn,
    );
  }

  private role(id: string, description: string, session: Duration): Role {
    return new Role(this, id, {
      description,
      maxSessionDuration: session,
      assumedBy: new AccountRootPrincipal().withConditions({
        Bool: { 'aws:MultiFactorAuthPresent': 'true' },
      }),
    });
  }

  private allow(name: string, role: Role, statements: readonly PolicyStatement[]): void {
    void new ExactPolicy(this, `${name}Storage`, { role, statements });
  }
}
