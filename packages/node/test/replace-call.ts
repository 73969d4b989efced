import { syncBuiltinESMExports } from 'node:module';
import { onTestFinished } from 'vitest';

/** Puts a call of the file system's in the place of Node's for the running test, wherever it is used. */
export function replaceCall<Module extends object, Name extends keyof Module>(
  module: Module,
  name: Name,
  call: Module[Name],
): void {
  const before = module[name];
  module[name] = call;
  syncBuiltinESMExports();
  onTestFinished(() => {
    module[name] = before;
    syncBuiltinESMExports();
  });
}
