import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Stage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';

const PREBUILT = join(import.meta.dirname, 'handlers');
const BUNDLER = join(import.meta.dirname, '..', '..', 'scripts', 'bundle-handlers.mjs');

/**
 * The handlers of all functions: one asset, of which each function loads its machine's part. In the package they lie beside
 * this module; in a checkout they are bundled now.
 */
export function bundleHandlers(scope: Construct): Code {
  if (existsSync(PREBUILT)) return Code.fromAsset(PREBUILT);
  const folder = join(Stage.of(scope)?.outdir ?? 'cdk.out', 'handlers');
  return Code.fromCustomCommand(folder, [process.execPath, BUNDLER, folder]);
}
