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
    'same as man pages (`man holdfast`, `man holdfast-restore`). [The command line](cli.md) explains them, [JSON](json.md) what',
    'all forms of `--json` have in common.',
    ...members.flatMap(({ name, usage, summary, words, options, answers }) => [
      '',
      `## ${name.replace('holdfast ', '')}`,
      '',
      '```',
      usage,
      '```',
      '',
      summary,
      ...rows([...words, ...options]),
      ...answerLines(name, answers),
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

function answerLines(name: string, answers: DescribedCommand['answers']): readonly string[] {
  const forms = Object.entries(answers);
  if (forms.length === 0) return [];
  return [
    '',
    '| `--json` | prints | when |',
    '|---|---|---|',
    ...forms.map(
      ([form, { form: kind, when }]) =>
        `| \`${definitionName(name, form)}\` | ${kind === 'line' ? 'lines' : 'a document'} | ${prose(when)} |`,
    ),
  ];
}

/** Name of a form in the published schema: `hold-set.planned`. */
function definitionName(name: string, form: string): string {
  return `${name.replace('holdfast ', '').replaceAll(' ', '-')}.${form}`;
}

/** The JSON Schema of all that `--json` prints on stdout, as docs/cli-output.schema.json publishes it. */
export function cliOutputSchema(): string {
  const definitions: Record<string, unknown> = {};
  for (const { name, answers } of describeCommands())
    for (const [form, { form: kind, when, schema }] of Object.entries(answers)) {
      const {
        $schema: _,
        $defs = {},
        ...own
      } = z.toJSONSchema(schema, { io: 'input', override: dropLargest });
      // What several forms have is there once; references lead to it.
      Object.assign(definitions, $defs);
      const description = `${name}: ${kind === 'line' ? 'lines' : 'a document'}, ${when}`;
      definitions[definitionName(name, form)] = { description, ...own };
    }
  const $schema = 'https://json-schema.org/draft/2020-12/schema';
  const title = `What holdfast ${productVersion} prints with --json`;
  return `${JSON.stringify({ $schema, title, $defs: definitions }, undefined, 2)}\n`;
}

/** That a count is not larger than JavaScript's largest need not be said each time. */
function dropLargest({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
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
