import { join } from 'node:path';
import { Stage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';

const BUNDLER = join(import.meta.dirname, '..', '..', 'scripts', 'bundle-handlers.mjs');

/** The handlers of all functions, bundled out of this checkout: one asset, of which each function loads its machine's part. */
export function bundleHandlers(scope: Construct): Code {
  const folder = join(Stage.of(scope)?.outdir ?? 'cdk.out', 'handlers');
  return Code.fromCustomCommand(folder, [process.execPath, BUNDLER, folder]);
}
