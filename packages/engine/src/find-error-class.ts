import * as errors from './errors.ts';

/** The class of the engine's errors that has a name, such as one that crossed a thread. */
export function findErrorClass(name: string): { readonly prototype: errors.BackupError } | undefined {
  const found: unknown = Object.entries(errors).find(([exported]) => exported === name)?.[1];
  return typeof found === 'function' && found.prototype instanceof errors.BackupError
    ? { prototype: found.prototype }
    : undefined;
}
