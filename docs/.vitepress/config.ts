import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';

// `npm run site` builds the site from the pages of docs/, with a VitePress that npx fetches: nothing else needs it.

const docs = join(import.meta.dirname, '..');
const repository = process.env['SITE_REPOSITORY_URL'] ?? 'https://github.com/OWNER/REPOSITORY';

interface Token {
  attrGet(name: string): string | null;
  attrSet(name: string, value: string): void;
}

type Rule = (
  tokens: readonly Token[],
  index: number,
  options: unknown,
  env: { readonly relativePath?: string },
  self: { renderToken(tokens: readonly Token[], index: number, options: unknown): string },
) => string;

/** As much of markdown-it as is used: its types are not installed. */
interface Markdown {
  readonly renderer: { readonly rules: { link_open?: Rule } };
}

/** Where a link of a page leads that leaves docs/, which is all that the site has. */
function leaveSite(href: string, page: string): string {
  if (/^([a-z]+:|#|\/)/.test(href)) return href;
  const [file = '', anchor] = href.split('#');
  const target = posix.normalize(posix.join('docs', posix.dirname(page), file));
  const isPage = target.startsWith('docs/') && target.endsWith('.md') && existsSync(join(docs, '..', target));
  if (isPage) return href;
  return `${repository}/blob/main/${target}${anchor === undefined ? '' : `#${anchor}`}`;
}

/** Name of a heading in addresses, as GitHub makes it: links of pages have those. */
function slugify(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-');
}

const pages = (title: string, ...names: readonly (readonly [string, string])[]) => ({
  text: title,
  items: names.map(([text, link]) => ({ text, link })),
});

export default {
  title: 'Holdfast',
  description: 'A serverless backup pipeline for AWS',
  base: process.env['SITE_BASE'] ?? '/',
  cleanUrls: true,
  lastUpdated: false,
  // Pages are written for any reader of Markdown: what looks like a template is text.
  vue: { template: { compilerOptions: { delimiters: ['\u0001{', '}\u0001'] } } },
  markdown: {
    anchor: { slugify },
    config({ renderer }: Markdown) {
      const { link_open: open } = renderer.rules;
      renderer.rules.link_open = (tokens, index, options, env, self) => {
        const token = tokens[index];
        token?.attrSet('href', leaveSite(token.attrGet('href') ?? '', env.relativePath ?? ''));
        return open?.(tokens, index, options, env, self) ?? self.renderToken(tokens, index, options);
      };
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    socialLinks: [{ icon: 'github', link: repository }],
    sidebar: [
      pages(
        'Decide',
        ['Overview', '/'],
        ['Holdfast, or another one?', '/choosing'],
        ['Sizing and cost', '/sizing'],
      ),
      pages(
        'Understand',
        ['Concepts', '/concepts'],
        ['Images', '/images'],
        ['Files out of images', '/image-files'],
        ['Threat model', '/threat-model'],
        ['Glossary', '/glossary'],
      ),
      pages(
        'Operate',
        ['Operations', '/operations'],
        ['Many accounts', '/many-accounts'],
        ['From a pipeline', '/ci-cd'],
        ['With Terraform', '/terraform'],
        ['Upgrading', '/upgrading'],
        ['Runbook', '/runbook'],
      ),
      pages(
        'Use',
        ['The command line', '/cli'],
        ['All commands and options', '/commands'],
        ['JSON for scripts', '/json'],
        ['Restore', '/restore'],
        ['After an attack', '/ransomware'],
        ['Quotes', '/quote'],
      ),
      pages(
        'Look inside',
        ['Format', '/format'],
        ['Leases', '/leases'],
        ['Scale', '/scale'],
        ['Benchmarks', '/benchmarks'],
      ),
    ],
  },
};
