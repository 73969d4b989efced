import {
  type CommandUnknownOpts as Command,
  Help,
  type HelpConfiguration,
} from '@commander-js/extra-typings';

const afterwards = `
exit codes:
  0    done
  1    failed
  2    the command line is wrong or ambiguous
  3    what was named does not exist
  4    stored bytes are damaged
  5    status --check: a resource is degraded, overdue, unprotected or suspect
  6    backup: the point was made, and could not read everything
  130  interrupted

Resources are named by ARN, bucket name, instance id or volume id; points and runs by id or its beginning.
A point is also named by its resource: photos@latest, photos@latest-clean, photos@2026-11-23T02:00:00Z.
`;

/** Layout of help: the program's lists every command, a group's explains all that is in it. */
export const helpConfiguration: HelpConfiguration = {
  styleTitle: (title) => title.toLowerCase(),
  subcommandTerm: pathOf,
  commandUsage: (command) => ['holdfast', pathOf(command), command.usage()].filter(Boolean).join(' '),
  formatHelp: (command, helper) => {
    const isProgram = command.parent === null;
    if (!isProgram && command.commands.length > 0)
      return command.commands.map((member) => member.helpInformation()).join('\n');
    if (!isProgram)
      return `${Help.prototype.formatHelp.call(helper, command, helper)}\nOptions of all commands: holdfast help\n`;
    const groups = helper.visibleCommands(command);
    helper.visibleCommands = () => groups.flatMap(leavesOf);
    const text = Help.prototype.formatHelp.call(helper, command, helper);
    // Commands come first, as readers look for them.
    return text.replace(/(\noptions:.*)(\ncommands:.*)/s, '$2$1') + afterwards;
  },
};

/** The commands that do something: those of a group, or the command itself. */
export function leavesOf(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands;
}

/** Name of a command as typed after the program's; empty for the program itself. */
export function pathOf(command: Command): string {
  return command.parent === null ? '' : `${pathOf(command.parent)} ${command.name()}`.trim();
}
