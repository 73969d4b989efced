import { hash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Aws, FileAssetPackaging, Stack, Stage } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { deployedConfiguration } from '../deployed-configuration.ts';
import type { DeploymentConfig } from '../deployment-config.ts';
import { ownAccount } from '../vault/vault-access.ts';
import { allow } from './exact-policy.ts';

/**
 * The deployed configuration as an asset. Its name is the hash of its bytes, so functions of one deployment never read
 * what another wrote, a roll-back brings the old one back, and a reader can tell that it was not changed.
 */
export class ConfigurationObject extends Construct {
  readonly url: string;
  private readonly arn: string;

  constructor(scope: Construct, id: string, config: DeploymentConfig) {
    super(scope, id);
    const stage = Stage.of(this);
    if (stage === undefined) throw new TypeError('a configuration belongs into an App or a Stage');
    const document = deployedConfiguration(config);
    const sha256 = hash('sha256', document, 'hex');
    const fileName = `holdfast-configuration-${sha256}.json`;
    writeFileSync(join(stage.outdir, fileName), document);
    const { bucketName, objectKey } = Stack.of(this).synthesizer.addFileAsset({
      fileName,
      packaging: FileAssetPackaging.FILE,
      sourceHash: sha256,
      displayName: 'configuration',
    });
    this.url = `s3://${bucketName}/${objectKey}`;
    this.arn = `arn:${Aws.PARTITION}:s3:::${bucketName}/${objectKey}`;
  }

  /** Grants reading the configuration to whoever is told the URL. */
  reads(): PolicyStatement {
    return allow('ReadConfiguration', ['s3:GetObject'], [this.arn], ownAccount);
  }
}
