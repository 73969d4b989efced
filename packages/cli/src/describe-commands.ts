import { type CommandUnknownOpts, Help } from '@commander-js/extra-typings';
import { productVersion } from '@holdfast/engine/model';
import { commands } from './commands/all-commands.ts';
import type { Answer } from './terminal/answer.ts';
import { addCompletion } from './terminal/completion.ts';
import { leavesOf, pathOf } from './terminal/help.ts';
import { buildProgram } from './terminal/program.ts';

/** A word or option, and what help says of it. */
export type DescribedWord = readonly [term: string, description: string];

export interface DescribedCommand {
  /** The command as it is typed; the program's name alone for the options of all commands. */
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly words: readonly DescribedWord[];
  readonly options: readonly DescribedWord[];
  /** Forms of what it prints with `--json`, by name. */
  readonly answers: Readonly<Record<string, Answer>>;
}

const nothing = async (): Promise<void> => {};

/** The program with the options of all commands, and every command, as help has them. */
export function describeCommands(): readonly DescribedCommand[] {
  const program = buildProgram(
    { commands, addCompletion },
    {
      version: productVersion,
      answer: () => {},
      print: nothing,
      readNames: async () => Promise.resolve({ resources: [], points: [] }),
      execute: nothing,
    },
  ) as CommandUnknownOpts;
  const help = new Help();
  return [program, ...help.visibleCommands(program).flatMap(leavesOf)].map((command) => {
    const path = pathOf(command);
    const name = `holdfast ${path}`.trim();
    return {
      name,
      usage: `${name} ${command.usage()}`.trim(),
      summary: command.description(),
      words: help
        .visibleArguments(command)
        .map((word) => [help.argumentTerm(word), help.argumentDescription(word)]),
      options: help
        .visibleOptions(command)
        .filter(({ long }) => command === program || long !== '--help')
        .map((option) => [help.optionTerm(option), help.optionDescription(option)]),
      answers: commands.find((one) => one.name === path)?.answers ?? {},
    };
  });
}
