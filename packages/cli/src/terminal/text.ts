const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Bytes for people: `0 B`, `999 B`, `1.5 KiB`, `12 MiB`. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit > 0 && value < 10 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit] ?? ''}`;
}

/** A time for people, in UTC to the second: `2026-11-23 02:00:05Z`. */
export function timeText(time: Date): string {
  return Number.isNaN(time.getTime()) ? '-' : `${time.toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** A time for people by the clocks of a zone, to the minute: `Mon 2026-11-23 03:00 Europe/Vienna`. */
export function timeInZone(time: Date, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(time);
  const part = (wanted: string): string => parts.find(({ type }) => type === wanted)?.value ?? '';
  const date = `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}`;
  return `${part('weekday')} ${date} ${part('hour')}:${part('minute')} ${timeZone}`;
}

/** A span of time for people: `45 s`, `12 min`, `30 h`, `12 d`. */
export function durationText(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 72 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** A count for people: `12,345`. By hand, as `toLocaleString` loads a locale for a dozen milliseconds. */
export function numberText(count: number): string {
  return String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}

/** A count with its noun: `1 file`, `2 files`. */
export function countText(count: number, noun: string): string {
  return `${numberText(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/**
 * Text that anybody may have chosen (a path, a message), safe to print: control characters, which a terminal would
 * obey, are shown as `\xNN`, and characters that turn the direction of text as `\u{NNNN}`.
 */
export function safeText(text: string): string {
  return text
    .replaceAll(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .replaceAll(
      /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
      (char) => `\\u{${char.charCodeAt(0).toString(16)}}`,
    );
}

/** JSON with the same values, of which a terminal obeys nothing either: it is often looked at in one. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replaceAll(
    /[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function pathText(path: Uint8Array): string {
  return safeText(Buffer.from(path).toString('utf8'));
}

/** A path of a manifest for programs: as text, and also as base64 where it is not UTF-8. */
export function pathFields(path: Uint8Array): { readonly path: string; readonly pathBase64?: string } {
  const bytes = Buffer.from(path);
  const text = bytes.toString('utf8');
  return {
    path: text,
    ...(!Buffer.from(text, 'utf8').equals(bytes) && { pathBase64: bytes.toString('base64') }),
  };
}

/** Enough of a point's id for people to name it by: its second, and four digits more. */
export function shortPointId(pointId: string): string {
  return pointId.slice(0, '20261123T020000Z-9f2c'.length);
}

/** Text as one word of a command line. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Short name of a resource for people: the last part of its ARN, a bucket's name or an instance's id. */
export function shortNameOf(arn: string): string {
  return arn.slice(Math.max(arn.lastIndexOf(':'), arn.lastIndexOf('/')) + 1) || arn;
}
