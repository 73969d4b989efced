import type { App } from 'aws-cdk-lib';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import type { DeploymentConfig } from './deployment-config.ts';
import { MonitoringStack } from './monitoring-stack.ts';
import { PipelineStack } from './pipeline-stack.ts';
import { StorageStack } from './storage-stack.ts';

/** The stacks of one deployment, in the order in which they are deployed. */
export class HoldfastStacks {
  readonly storage: StorageStack;
  readonly pipeline: PipelineStack;
  readonly monitoring: MonitoringStack;

  /** @param handlerCode - one bundle for all functions, for tests of the templates; else esbuild makes each its own. */
  constructor(app: App, config: DeploymentConfig, handlerCode?: Code) {
    const { environment: env } = config;
    this.storage = new StorageStack(app, 'HoldfastStorage', { env, config });
    this.pipeline = new PipelineStack(app, 'HoldfastPipeline', {
      env,
      config,
      storage: this.storage,
      ...(handlerCode === undefined ? {} : { handlerCode }),
    });
    const { cycle, protect, restore, maintenance } = this.pipeline;
    this.monitoring = new MonitoringStack(app, 'HoldfastMonitoring', {
      env,
      config,
      storage: this.storage,
      machines: { cycle, protect, restore, maintenance },
    });
  }
}
