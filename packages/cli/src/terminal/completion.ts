import { ShellCompDirective } from '@bomb.sh/tab';
import tab from '@bomb.sh/tab/commander';
import type { CommandUnknownOpts as Command } from '@commander-js/extra-typings';
import type { KnownNames } from './known-names.ts';

interface CompletionHooks {
  readonly print: (text: string) => Promise<void>;
  readonly readNames: () => Promise<KnownNames>;
}

/**
 * Adds `completion <shell>`, which prints a script, and `complete`, which that script calls. Both print by themselves.
 */
export function addCompletion(program: Command, { print, readNames }: CompletionHooks): void {
  const completion = tab(program as unknown as Parameters<typeof tab>[0], {
    completionCommandName: 'completion',
  });
  // The program's own options may follow any command.
  for (const command of completion.commands.values())
    for (const [name, option] of completion.options) command.options.set(name, option);
  const find = (name: string) => program.commands.find((command) => command.name() === name);
  find('completion')
    ?.description('Print a script that completes commands, options and names in a shell.')
    .usage('<shell>');
  find('complete')?.action(async (...[words]) => {
    const typed = words as readonly string[];
    const directive = placeDirective(program, typed.at(-2) ?? '');
    if (directive !== undefined) return print(`:${directive}\n`);
    const kinds = namesWanted(program, typed);
    if (kinds.length === 0) return completion.parse(words as string[]);
    const known = await readNames();
    const names = kinds.flatMap((kind) => known[kind]).filter((name) => name.startsWith(typed.at(-1) ?? ''));
    await print([...names, `:${ShellCompDirective.ShellCompDirectiveNoFileComp}\n`].join('\n'));
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

/** Kinds of names that the last of these words may be one of. */
function namesWanted(program: Command, words: readonly string[]): readonly (keyof KnownNames)[] {
  const [before, last = ''] = [words.slice(0, -1), words.at(-1)];
  if (last.startsWith('-')) return [];
  const { operands, unknown } = program.parseOptions([...before]);
  let command = program;
  let depth = 0;
  for (; command.commands.length > 0; depth += 1) {
    const next = command.commands.find((one) => one.name() === operands[depth]);
    if (next === undefined) return [];
    command = next;
  }
  const options = [...program.options, ...command.options];
  const option = options.find(({ long }) => long === before.at(-1));
  if (option?.required === true) return option.long === '--resource' ? ['resources'] : [];
  const place = operandsOf(command, [...operands.slice(depth), ...unknown]).length;
  const { registeredArguments } = command;
  const name = (
    registeredArguments[place] ?? registeredArguments.findLast(({ variadic }) => variadic)
  )?.name();
  return (['resources', 'points'] as const).filter((kind) => name?.includes(kind.slice(0, -1)));
}

function operandsOf(command: Command, words: string[]): readonly string[] {
  try {
    return command.parseOptions(words).operands;
  } catch {
    // Half a command line may have a value that is refused; the names are offered all the same.
    return words.filter((word) => !word.startsWith('-'));
  }
}
