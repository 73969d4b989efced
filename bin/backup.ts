import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { DeploymentConfigError } from '../lib/deployment-config-error.ts';
import { parseDeploymentConfig, plansFileOf } from '../lib/deployment-config.ts';
import { HoldfastStacks } from '../lib/stacks/holdfast-stacks.ts';

const app = new App();
const readContext = (key: string): unknown => app.node.tryGetContext(key);
try {
  const plansFile = resolve(plansFileOf(readContext));
  if (!existsSync(plansFile))
    throw new DeploymentConfigError(`${plansFile} does not exist; correct -c plans=<file>`);
  const config = parseDeploymentConfig(await import(pathToFileURL(plansFile).href), readContext);
  void new HoldfastStacks(app, config);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
} catch (error) {
  if (!(error instanceof DeploymentConfigError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
