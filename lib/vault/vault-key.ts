import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { Role } from 'aws-cdk-lib/aws-iam';
import { Key, type CfnKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { denyStatement, unlessRole } from './deny-statement.ts';
import { findLockouts } from './key-lockout.ts';

export interface VaultKeyProps {
  /** Distinguishes the key from those of other deployments. */
  readonly deploymentName: string;
  /** The role that may change the key's policy by hand, and that alone may end the key. */
  readonly breakGlass: Role;
  /** ARN of CloudFormation's role for deploying: it has to be able to update the policy. */
  readonly deployRoleArn: string;
}

/**
 * Wraps the data keys of the vault; without it no backup can be read. Multi-region from the start, because a key
 * cannot become so later and a second region must be able to read.
 *
 * Its policy lets the account's own policies decide, but denies to all but break-glass what would end the key, and to
 * all but break-glass and CloudFormation to change that. KMS refuses to make a key whose maker could not change its
 * policy afterwards, so CloudFormation cannot be left out. The synthesis fails when one of the two is locked out.
 */
export class VaultKey extends Key {
  constructor(scope: Construct, id: string, { deploymentName, breakGlass, deployRoleArn }: VaultKeyProps) {
    super(scope, id, {
      description: 'Wraps the data keys of the Holdfast vault; losing it loses every backup',
      multiRegion: true,
      enableKeyRotation: true,
      alias: `holdfast/${deploymentName}`,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    this.addToResourcePolicy(
      denyStatement({
        sid: 'OnlyBreakGlassEndsTheKey',
        actions: ['kms:ScheduleKeyDeletion', 'kms:DisableKey', 'kms:DeleteImportedKeyMaterial'],
        resources: ['*'],
        conditions: unlessRole(breakGlass),
      }),
    );
    this.addToResourcePolicy(
      denyStatement({
        sid: 'ThisPolicyStays',
        actions: ['kms:PutKeyPolicy'],
        resources: ['*'],
        conditions: unlessRole(breakGlass, deployRoleArn),
      }),
    );
    this.node.addValidation({
      validate: () => {
        const stack = Stack.of(this);
        const policy: unknown = stack.resolve((this.node.defaultChild as CfnKey).keyPolicy);
        const administrators = {
          'the break-glass role': stack.resolve(breakGlass.roleArn) as unknown,
          "CloudFormation's role": stack.resolve(deployRoleArn) as unknown,
        };
        const trust: unknown = stack.resolve(breakGlass.assumeRolePolicy);
        return findLockouts({ policy, administrators, trust });
      },
    });
  }
}
