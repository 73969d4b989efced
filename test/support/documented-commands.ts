import { globSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const begins = /^(?:npx|npm|aws|holdfast|jq|openssl|git|label=)/;

export interface DocumentedCommand {
  readonly page: string;
  /** On one line, without a comment. */
  readonly text: string;
}

/** Commands of somebody who adds the construct to an application of one's own. */
export const ownApplication = /^npm (run build|pack|install)|^npx cdk deploy Backups|-stack Backups/;

/** A list of usages, which nobody types; command-reference.test.ts holds it to the program. */
const reference = 'docs/commands.md';

/** The commands in the code of README and docs, in the order of the pages. */
export function documentedCommands(): readonly DocumentedCommand[] {
  const docs = globSync('docs/*.md', { cwd: root }).filter((page) => page !== reference);
  const pages = ['README.md', ...docs.sort()].map((page) => join(root, page));
  return pages.flatMap((page) => {
    const lines = codeOf(page).flatMap(({ code }) => code.replaceAll(/ *\\\n\s*/g, ' ').split('\n'));
    return lines
      .map((line) => line.trim().replace(/ {2,}.*$| # .*$/, ''))
      .filter((line) => begins.test(line))
      .map((text) => ({ page: relative(root, page), text }));
  });
}

/** The words of a command as a shell splits them; quotes hold words together. */
export function wordsOf(text: string): readonly string[] {
  return [...text.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, plain]) => single ?? double ?? plain ?? '',
  );
}

export function documentedCode(language: string): readonly string[] {
  const blocks = codeOf(join(root, 'README.md'));
  return blocks.filter((block) => block.language === language).map(({ code }) => code);
}

function codeOf(page: string): readonly { readonly language: string; readonly code: string }[] {
  const blocks = readFileSync(page, 'utf8').matchAll(/^ *```(\w*)\n([\s\S]*?)^ *```/gm);
  return [...blocks].map(([, language = '', code = '']) => ({ language, code }));
}
