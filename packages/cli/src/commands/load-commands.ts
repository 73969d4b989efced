import type { LoadedCommands } from '../terminal/program.ts';

/**
 * Loads all commands, unless the first word of a command line is one of those that machines call again and again: then that
 * alone, which saves a tenth of a short call.
 */
export async function loadCommands(word: string | undefined): Promise<LoadedCommands> {
  switch (word) {
    case 'backup':
      return { commands: [(await import('./backup.ts')).backupCommand] };
    case 'restore':
      return { commands: [(await import('./restore.ts')).restoreCommand] };
    default: {
      const [{ commands }, { addCompletion }] = await Promise.all([
        import('./all-commands.ts'),
        import('../terminal/completion.ts'),
      ]);
      return { commands, addCompletion };
    }
  }
}
