import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { parseDeploymentConfig } from '../lib/deployment-config.ts';
import { deployment } from '../lib/plans.ts';
import { HoldfastStacks } from '../lib/stacks/holdfast-stacks.ts';
import { dashboardPicture } from './dashboard-picture.ts';

// `npm run pictures`, after a change of the dashboard.
const handlers = Code.fromInline('exports.handler = async () => ({});');
const { monitoring } = new HoldfastStacks(new App(), parseDeploymentConfig({ deployment }), handlers);
const [dashboard] = Object.values(Template.fromStack(monitoring).findResources('AWS::CloudWatch::Dashboard'));
const picture = join(import.meta.dirname, '..', 'docs', 'pictures', 'dashboard.svg');
await writeFile(picture, dashboardPicture(dashboard));
