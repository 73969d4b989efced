import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';

const provided = ['@aws-sdk', '@smithy'];

/**
 * Gives Lambda handlers the AWS SDK that AWS's Node runtimes bring, and no other package of the project.
 * @param workersDir - the folder above those into which MiniStack unpacks functions.
 */
export async function linkRuntimeSdk(workersDir: string): Promise<void> {
  const modules = join(workersDir, 'node_modules');
  await mkdir(modules);
  for (const scope of provided) {
    await symlink(join(import.meta.dirname, '..', 'node_modules', scope), join(modules, scope));
  }
}
