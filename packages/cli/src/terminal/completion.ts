import { ShellCompDirective } from '@bomb.sh/tab';
import tab from '@bomb.sh/tab/commander';
import type { CommandUnknownOpts as Command } from '@commander-js/extra-typings';

/**
 * Adds `completion <shell>`, which prints a script, and `complete`, which that script calls. Both print by themselves.
 */
export function addCompletion(program: Command, print: (text: string) => Promise<void>): void {
  const completion = tab(program as unknown as Parameters<typeof tab>[0], {
    completionCommandName: 'completion',
  });
  // The program's own options may follow any command.
  for (const command of completion.commands.values())
    for (const [name, option] of completion.options) command.options.set(name, option);
  const find = (name: string) => program.commands.find((command) => command.name() === name);
  find('completion')
    ?.description('Print a script that completes commands and options in a shell.')
    .usage('<shell>');
  find('complete')?.action(async (...[words]) => {
    const directive = placeDirective(program, (words as readonly string[]).at(-2) ?? '');
    if (directive === undefined) completion.parse(words as string[]);
    else await print(`:${directive}\n`);
  });
}

/** Directive that has the shell itself complete directories or files after an option; `undefined` for other options. */
function placeDirective(program: Command, word: string): number | undefined {
  const options = [program, ...program.commands.flatMap((command) => [command, ...command.commands])].flatMap(
    (command) => command.options,
  );
  const flags = options.find(({ long }) => long === word)?.flags ?? '';
  if (flags.endsWith('<directory>')) return ShellCompDirective.ShellCompDirectiveFilterDirs;
  return flags.endsWith('<file>') ? ShellCompDirective.ShellCompDirectiveDefault : undefined;
}
