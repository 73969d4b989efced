import { isOfKind, type RestoreRow } from '@holdfast/engine';
import type { Connection } from '../deployment/connection.ts';
import { failureText, pollMs } from '../deployment/executions.ts';
import type { CommandContext } from '../terminal/command.ts';
import { ExecutionFailedError } from '../terminal/errors.ts';
import { isArn, resolveRestore } from './resolve.ts';

/**
 * A restore as {@link resolveRestore}; one that is named by its execution, and that nobody has planned yet, is waited for.
 * @throws {@link ExecutionFailedError} its execution ended without having planned anything.
 */
export async function awaitRestoreRow(
  name: string,
  { services, executions }: Connection,
  { clock, signal }: Pick<CommandContext, 'clock' | 'signal'>,
): Promise<RestoreRow> {
  for (;;) {
    try {
      return await resolveRestore(services.catalog, name, clock.now());
    } catch (error) {
      if (!isOfKind(error, 'unknown') || !isArn(name)) throw error;
    }
    const state = await executions.get(name);
    if (state.status !== 'running')
      throw new ExecutionFailedError(
        `the restore of execution ${name} is not in the catalog, and its execution has ended: ${failureText(state)}`,
      );
    await clock.sleep(pollMs, signal);
  }
}
