import type { Command } from './command.ts';
import { globalOptionLines } from './global-options.ts';

const exitCodeLines: readonly (readonly [string, string])[] = [
  ['0', 'done'],
  ['1', 'failed'],
  ['2', 'the command line is wrong or ambiguous'],
  ['3', 'what was named does not exist'],
  ['4', 'stored bytes are damaged'],
  ['5', 'status --check: a resource is overdue or unprotected'],
  ['130', 'interrupted'],
];

/** `holdfast help`. */
export function helpText(commands: readonly Command[]): string {
  return [
    'usage: holdfast <command> [options]',
    '',
    'commands',
    ...inColumns([
      ...commands.map(({ name, summary }) => [name, summary] as const),
      ['help [command]', 'explain the program, or one command'],
      ['version', 'print the version'],
    ]),
    '',
    'options of all commands',
    ...inColumns(globalOptionLines),
    '',
    'exit codes',
    ...inColumns(exitCodeLines),
    '',
    'Resources are named by ARN, bucket name, instance id or volume id; points and runs by id or its beginning.',
  ].join('\n');
}

/** `holdfast help <command>`. */
export function helpOf({ name, summary, usage, optionLines }: Command): string {
  const lines = usage.map((line, at) =>
    `${at === 0 ? 'usage:' : '      '} holdfast ${name} ${line}`.trimEnd(),
  );
  const options = optionLines.length === 0 ? [] : ['', 'options', ...inColumns(optionLines)];
  return [...lines, '', summary, ...options, '', 'Options of all commands: holdfast help'].join('\n');
}

function inColumns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
