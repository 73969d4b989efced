import { Stack, type App } from 'aws-cdk-lib';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import type { PlansFileConfig } from '../deployment-config.ts';
import { toProps } from '../flat-settings.ts';
import { Holdfast } from '../holdfast.ts';

/** The stacks of one deployment, in the order in which they are deployed: what holds data apart from what does not. */
export class HoldfastStacks {
  readonly storage: Stack;
  readonly pipeline: Stack;
  readonly monitoring: Stack;

  /** @param handlerCode - the handlers of all functions, for tests of the templates; else esbuild bundles them. */
  constructor(app: App, { deployment, environment: env }: PlansFileConfig, handlerCode?: Code) {
    this.storage = new Stack(app, 'HoldfastStorage', {
      env,
      terminationProtection: true,
      description: 'Holdfast: vault, catalog and key',
    });
    this.pipeline = new Stack(app, 'HoldfastPipeline', {
      env,
      description: 'Holdfast: functions, workflows and schedules',
    });
    this.monitoring = new Stack(app, 'HoldfastMonitoring', {
      env,
      description: 'Holdfast: alarms and dashboard',
    });
    // "Default" leaves no trace in logical ids: those of a vault never change.
    void new Holdfast(this.pipeline, 'Default', {
      ...toProps(deployment),
      storageScope: this.storage,
      monitoringScope: this.monitoring,
      handlerCode,
    });
  }
}
