import { DefaultStackSynthesizer, Fn, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { DeploymentConfigError } from '../deployment-config-error.ts';

/**
 * ARN of the role with which CloudFormation deploys a stack: the one that CDK's bootstrap made for this account and
 * region, with the qualifier that the application uses. Only CloudFormation can assume it.
 * @throws {@link DeploymentConfigError} the stack is deployed with the credentials of whoever calls.
 */
export function deployRoleArnOf(scope: Construct): string {
  const { synthesizer, stackName } = Stack.of(scope);
  if (!(synthesizer instanceof DefaultStackSynthesizer)) {
    throw new DeploymentConfigError(
      `stack ${stackName} is deployed without CDK's CloudFormation role, which its policies have to name: nobody could ` +
        'update them later; run `cdk bootstrap` and use the DefaultStackSynthesizer',
    );
  }
  // The pseudo parameters in it are meant for the CDK command line; CloudFormation knows the same ones.
  return Fn.sub(synthesizer.cloudFormationExecutionRoleArn);
}
