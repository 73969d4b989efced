import { CliError, type DescribedCommand, type DescribedWord, describeCommands } from '@holdfast/cli';
import { productVersion } from '@holdfast/engine/model';
import * as z from 'zod';

/** docs/commands.md: every command with its words and options, as `holdfast help` has them. */
export function commandsPage(): string {
  const [program, ...members] = describeCommands() as [DescribedCommand, ...DescribedCommand[]];
  return [
    '# All commands and options',
    '',
    'Written by `node scripts/write-command-reference.ts` out of what the program itself knows; the package of the program has the',
    'same as man pages (`man holdfast`, `man holdfast-restore`). [The command line](cli.md) explains them.',
    ...members.flatMap(({ name, usage, summary, words, options }) => [
      '',
      `## ${name.replace('holdfast ', '')}`,
      '',
      '```',
      usage,
      '```',
      '',
      summary,
      ...rows([...words, ...options]),
    ]),
    '',
    '## Options of all commands',
    ...rows(program.options),
    '',
  ].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`);
}

/** Words in angle brackets are no elements. */
function prose(text: string): string {
  return cell(text).replaceAll('<', String.raw`\<`);
}

function rows(entries: readonly DescribedWord[]): readonly string[] {
  return entries.length === 0
    ? []
    : ['', '| | |', '|---|---|', ...entries.map(([term, text]) => `| \`${cell(term)}\` | ${prose(text)} |`)];
}

/** The JSON Schema of a failure with `--json`, as docs/cli-error.schema.json publishes it. */
export function cliErrorSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(CliError), undefined, 2)}\n`;
}

/** Man pages by file name: of the program, and one of each command. */
export function manPages(): ReadonlyMap<string, string> {
  const all = describeCommands();
  return new Map(all.map((one) => [`${one.name.replaceAll(' ', '-')}.1`, manPage(one, all)]));
}

function manPage(
  { name, usage, summary, words, options }: DescribedCommand,
  all: readonly DescribedCommand[],
): string {
  const page = name.replaceAll(' ', '-');
  const isProgram = name === 'holdfast';
  const members = all.filter((one) => one.name !== 'holdfast');
  return [
    `.TH ${page.toUpperCase()} 1 "" "holdfast ${productVersion}"`,
    '.SH NAME',
    `${roff(page)} \\- ${roff(isProgram ? 'watch, start and restore backups' : summary)}`,
    '.SH SYNOPSIS',
    `.B ${roff(usage)}`,
    ...section('ARGUMENTS', words),
    ...section(
      'COMMANDS',
      isProgram ? members.map((one) => [one.name.replace('holdfast ', ''), one.summary]) : [],
    ),
    ...section('OPTIONS', options),
    '.SH SEE ALSO',
    isProgram
      ? members.map((one) => `.BR ${roff(one.name.replaceAll(' ', '-'))} (1)`).join('\n')
      : '.BR holdfast (1), which names the options of all commands',
    '',
  ].join('\n');
}

function entryLines([term, text]: DescribedWord): readonly string[] {
  return ['.TP', `.B ${roff(term)}`, roff(text)];
}

function section(title: string, list: readonly DescribedWord[]): readonly string[] {
  return list.length === 0 ? [] : [`.SH ${title}`, ...list.flatMap(entryLines)];
}

/** Text that the formatter of man pages takes as it is: backslashes, hyphens, and dots that would begin a request. */
function roff(text: string): string {
  return text
    .replaceAll('\\', String.raw`\e`)
    .replaceAll('-', String.raw`\-`)
    .replaceAll('…', '...')
    .replace(/^(?=['.])/, String.raw`\&`);
}
