/** A decoded parameter of the EC2 query protocol: `Filter.1.Value.2` is a list in a structure in a list. */
export type QueryNode = string | QueryList | QueryStructure;
type QueryList = QueryNode[];
export interface QueryStructure {
  [name: string]: QueryNode;
}

/** Decodes form parameters with dotted names into structures and lists; numeric segments make lists. */
export function parseQuery(form: URLSearchParams): QueryStructure {
  const tree = new Map<string, QueryBranch>();
  for (const [name, value] of form) {
    let branch: QueryBranch = { children: tree };
    for (const segment of name.split('.')) {
      let child = branch.children.get(segment);
      if (!child) branch.children.set(segment, (child = { children: new Map() }));
      branch = child;
    }
    branch.value = value;
  }
  return structureOf(tree);
}

interface QueryBranch {
  value?: string;
  readonly children: Map<string, QueryBranch>;
}

function structureOf(children: ReadonlyMap<string, QueryBranch>): QueryStructure {
  return Object.fromEntries([...children].map(([name, branch]) => [name, nodeOf(branch)]));
}

function nodeOf(branch: QueryBranch): QueryNode {
  if (branch.children.size === 0) return branch.value ?? '';
  const names = [...branch.children.keys()];
  if (!names.every((name) => /^\d+$/.test(name))) return structureOf(branch.children);
  return names
    .toSorted((left, right) => Number(left) - Number(right))
    .map((name) => nodeOf(branch.children.get(name)!));
}

/** A value for the XML writer; a list becomes `<item>` elements, `undefined` leaves its element out. */
export type XmlNode = string | number | boolean | Date | undefined | readonly XmlNode[] | XmlStructure;
/** Elements by name, in the order in which they are written. */
export interface XmlStructure {
  readonly [name: string]: XmlNode;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[\r\u0085\u2028]/gu, (character) => `&#${character.codePointAt(0)};`);
}

/** Renders a value as an element; dates are ISO 8601 in UTC. */
export function toXml(name: string, node: XmlNode): string {
  if (node === undefined) return '';
  return `<${name}>${contentOf(node)}</${name}>`;
}

function contentOf(node: Exclude<XmlNode, undefined>): string {
  if (node instanceof Date) return node.toISOString();
  if (Array.isArray(node)) return node.map((item: XmlNode) => toXml('item', item)).join('');
  if (typeof node === 'object') {
    return Object.entries(node as XmlStructure)
      .map(([name, child]) => toXml(name, child))
      .join('');
  }
  return escaped(String(node));
}
