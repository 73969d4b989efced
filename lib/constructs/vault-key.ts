import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';

/**
 * Wraps the data keys of the vault; without it no backup can be read. Multi-region from the start, because a key
 * cannot become so later and a second region must be able to read.
 *
 * Nobody may schedule its deletion or disable it. Whoever has to, takes the denial out of the key's policy first:
 * two steps, both recorded by CloudTrail.
 */
export class VaultKey extends Key {
  constructor(scope: Construct, id: string) {
    super(scope, id, {
      description: 'Wraps the data keys of the Holdfast vault; losing it loses every backup',
      multiRegion: true,
      enableKeyRotation: true,
      alias: `holdfast/${Stack.of(scope).stackName}`,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    this.addToResourcePolicy(
      new PolicyStatement({
        sid: 'NobodyDestroysTheKey',
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['kms:ScheduleKeyDeletion', 'kms:DisableKey', 'kms:DeleteImportedKeyMaterial'],
        resources: ['*'],
      }),
    );
  }
}
