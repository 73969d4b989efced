import { type RunnerTestCase, TestRunner } from 'vitest';
import * as z from 'zod';
import { commands } from '../src/commands/all-commands.ts';
import { CliError } from '../src/terminal/cli-error.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** Forms of answers that the test has seen, as `restore.quote`. */
    answers?: string[];
  }
}

/**
 * Checks what a command line with `--json` has printed against what is published: of its answer and of its failure.
 * Notes for the end of the run which forms the test has seen.
 */
export function checkAnswer(
  argv: readonly string[],
  { out, err }: { readonly out: string; readonly err: string },
): void {
  if (!argv.includes('--json')) return;
  if (err.endsWith('}\n')) CliError.parse(JSON.parse(err.trimEnd().split('\n').at(-1) ?? ''));
  const command = commandOf(argv);
  if (command === undefined || out === '') return;
  for (const value of valuesOf(out)) {
    const form = formOf(command, value);
    const isEmpty = Array.isArray(value) && value.length === 0;
    const meta = TestRunner.getCurrentTest<RunnerTestCase | undefined>()?.meta;
    if (meta !== undefined && !isEmpty)
      meta.answers = [...new Set([...(meta.answers ?? []), `${command.name}.${form}`])];
  }
}

type Command = (typeof commands)[number];

function commandOf(argv: readonly string[]): Command | undefined {
  for (const at of argv.keys()) {
    const found = commands.find(({ name }) => `${argv.slice(at).join(' ')} `.startsWith(`${name} `));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** One document, or one of each line. */
function valuesOf(out: string): readonly unknown[] {
  try {
    return [JSON.parse(out)];
  } catch {
    return out
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
  }
}

/** The form that a value has. @throws {Error} it has none. */
function formOf({ name, answers }: Command, value: unknown): string {
  const problems: string[] = [];
  for (const [form, { schema }] of Object.entries(answers)) {
    const { error } = schema.safeParse(value);
    if (error === undefined) return form;
    problems.push(`${form}: ${z.prettifyError(error)}`);
  }
  throw new Error(
    `"holdfast ${name} --json" printed none of its forms: ${JSON.stringify(value)}\n${problems.join('\n')}`,
  );
}
