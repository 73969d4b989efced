/** One command of the recording in docs/pictures, as somebody types it. */
export interface RecordedCommand {
  readonly argv: readonly string[];
  /** A line above the command. */
  readonly remark: string;
  /** Done before the command is typed. */
  readonly before?: 'wait-for-a-point' | 'delete-a-file';
}

const deleted = '2026/march/beach.jpg';
const words = (line: string): string[] => line.split(' ');

export const recordedCommands: readonly RecordedCommand[] = [
  { remark: 'what of the account has data and no plan?', argv: words('coverage') },
  { remark: 'opt one in: look first', argv: words('protect my-photos --plan daily --dry-run') },
  { remark: 'tag it, and make the first backup', argv: words('protect my-photos --plan daily') },
  { remark: 'what came of it?', before: 'wait-for-a-point', argv: words('points my-photos') },
  {
    remark: `somebody deletes ${deleted}: which point has it?`,
    before: 'delete-a-file',
    argv: words('find my-photos 2026/march/b*'),
  },
  {
    remark: 'bring it back',
    argv: words(`restore my-photos@latest --path ${deleted} --to-bucket my-restores --prefix monday/ --wait`),
  },
  { remark: 'read all of the newest point, as a restore would', argv: words('verify my-photos') },
  { remark: 'is everything protected?', argv: words('status') },
  { remark: 'was anything removed from the log, or changed?', argv: words('audit verify') },
];

export const recordedDeletion = deleted;

/** The line that is typed, with quotes where the shell would see a pattern. */
export function typed({ argv }: RecordedCommand): string {
  return `holdfast ${argv.map((word) => (word.includes('*') ? `'${word}'` : word)).join(' ')}`;
}

const firstTime = Date.parse('2026-11-23T02:00:00Z');

function timeOf(text: string): number {
  const [, year, month, day, hour, minute] = /(\d{4})-?(\d\d)-?(\d\d)[T ](\d\d):?(\d\d)/.exec(text) ?? [];
  return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute));
}

/**
 * Output with what differs between two runs put in order: times keep their day only, ids are numbered as they come, spans and
 * the emulator's account become fixed ones. Columns keep their width.
 */
export function asIfAlways(text: string): string {
  const ids = new Map<string, string>();
  const numbered = (id: string): string => {
    const known = ids.get(id) ?? [...ids].find(([longer]) => longer.startsWith(id))?.[1].slice(0, id.length);
    if (known !== undefined) return known;
    const digits = (ids.size + 1).toString(16).padStart(2, '0');
    const next = digits.repeat(Math.ceil(id.length / 2)).slice(0, id.length);
    ids.set(id, next);
    return next;
  };
  const shapes = /\d{8}T\d{6}Z|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d{3})?Z?/g;
  const first = Math.min(...[...text.matchAll(shapes)].map(([found]) => timeOf(found)));
  const today = new Date(first).toISOString().slice(0, 10);
  return text
    .replaceAll(shapes, (found) => {
      const days = Math.round((timeOf(found) - first) / 86_400_000);
      const time = new Date(firstTime + days * 86_400_000).toISOString();
      if (!found.includes('-')) return `${time.slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
      return found.length === time.length
        ? time
        : `${time.slice(0, 19).replace('T', found[10] ?? 'T')}Z`.slice(0, found.length);
    })
    .replaceAll(today, new Date(firstTime).toISOString().slice(0, 10))
    .replaceAll(/\b(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b/g, (id) =>
      id
        .split('-')
        .map((part) => numbered(part))
        .join('-'),
    )
    .replaceAll(/(?<=Z-)[0-9a-f]{4,16}\b|\b[0-9a-f]{16,64}\b/g, numbered)
    .replaceAll(/(?<=[a-z]+[0-9a-f]{8}-)[0-9a-f]{13}\b/g, '5d0c1f2a9b3e7')
    .replaceAll(/(?<=[A-Za-z]+[0-9A-F]{8}-)[0-9A-F]{13}\b/g, '5D0C1F2A9B3E7')
    .replaceAll(/\b\d+ (s|seconds)\b/g, '4 $1')
    .replaceAll('000000000000', '123456789012');
}
