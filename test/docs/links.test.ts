import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import GithubSlugger, { slug } from 'github-slugger';
import site from '../../docs/.vitepress/config.ts';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '../..');
const pages = globSync('**/*.md', {
  cwd: root,
  exclude: (name) => /(^|\/)(node_modules|\.emulator|\.bench|dist|cdk\.out)$/.test(name),
});

/** Headings of a page by the names that links give them. */
function anchorsOf(page: string): ReadonlySet<string> {
  const slugger = new GithubSlugger();
  return new Set(headingsOf(page).map((heading) => slugger.slug(heading)));
}

/** The text that a page shows for links, code and escaped characters. */
function headingsOf(page: string): readonly string[] {
  const text = readFileSync(page, 'utf8').replaceAll(/^```[^]*?^```/gm, '');
  return [...text.matchAll(/^#{1,6} +(.*)$/gm)].map(([, heading = '']) =>
    heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`\\]/g, ''),
  );
}

function brokenLinks(page: string): readonly string[] {
  const text = readFileSync(path.join(root, page), 'utf8').replaceAll(/^```[^]*?^```/gm, '');
  const links = [...text.matchAll(/\]\(<?([^)\s>]+)>?\)/g)].map(([, link = '']) => link);
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? path.join(root, page) : path.join(root, path.dirname(page), file);
    if (!existsSync(target)) return true;
    return anchor !== undefined && !(statSync(target).isFile() && anchorsOf(target).has(anchor));
  });
}

test.for(pages)('every link of %s leads somewhere', (page) => {
  expect(brokenLinks(page)).toEqual([]);
});

test('headings have the addresses on the site that they have on GitHub', () => {
  const headings = pages.flatMap((page) => headingsOf(path.join(root, page)));

  const { slugify } = site.markdown.anchor;
  expect(headings.map((heading) => slugify(heading))).toEqual(headings.map((heading) => slug(heading)));
});

test('pages with links are among those that are looked at', () => {
  expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/cli.md', 'packages/disk/README.md']));
});

test.for(pages.filter((page) => page.startsWith('docs/')))(
  '%s has no words that the site takes for an element',
  (page) => {
    const text = readFileSync(path.join(root, page), 'utf8')
      .replaceAll(/^ *```[^]*?^ *```/gm, '')
      .replaceAll(/<!--[^]*?-->/g, '')
      .replaceAll(/(`+)[^]*?\1/g, '');

    expect(text.match(/(?<!\\)<\/?[a-z][^\n]*/gi)).toBeNull();
  },
);

const topics = pages
  .filter((page) => /^docs\/[^/]+\.md$/.test(page))
  .map((page) => path.basename(page, '.md'));

test('every page of docs is in the index, and in the contents of the site', () => {
  const index = readFileSync(path.join(root, 'docs/index.md'), 'utf8');
  const linked = new Set([...index.matchAll(/\]\(([a-z-]+)\.md\)/g)].map(([, name]) => name));
  const listed = new Set(site.themeConfig.sidebar.flatMap(({ items }) => items.map(({ link }) => link)));

  expect(topics.filter((name) => name !== 'index' && !linked.has(name))).toEqual([]);
  expect(topics.filter((name) => !listed.has(name === 'index' ? '/' : `/${name}`))).toEqual([]);
});
