import { existsSync, readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { fileURLToPath } from 'node:url';

/** The maps of modules whose stacks have been asked for, by the module's URL; none of a module that has none. */
const maps = new Map<string, SourceMap | undefined>();

/**
 * Has the stacks of errors name places in the sources instead of in the bundle. A map is read when the first stack needs it:
 * `--enable-source-maps` of Node parses them all at every start of a function, which is a sixth of it.
 */
export function mapStacks(): void {
  Error.prepareStackTrace = (error, calls) =>
    [Error.prototype.toString.call(error), ...calls.map((call) => `    at ${callText(call)}`)].join('\n');
}

function callText(call: NodeJS.CallSite & { toString(): string }): string {
  const [url, line, column] = [call.getFileName(), call.getLineNumber(), call.getColumnNumber()];
  if (url == null || line === null || column === null) return call.toString();
  const origin = mapOf(url)?.findOrigin(line, column);
  if (origin === undefined || !('fileName' in origin)) return call.toString();
  const place = `${origin.fileName}:${origin.lineNumber}:${origin.columnNumber}`;
  return call.toString().replace(`${url}:${line}:${column}`, () => place);
}

function mapOf(url: string): SourceMap | undefined {
  if (!maps.has(url)) maps.set(url, readMap(url));
  return maps.get(url);
}

/** A stack without a map still says more than the error of reading it. */
function readMap(url: string): SourceMap | undefined {
  if (!url.startsWith('file:')) return undefined;
  const file = `${fileURLToPath(url)}.map`;
  if (!existsSync(file)) return undefined;
  try {
    return new SourceMap(JSON.parse(readFileSync(file, 'utf8')) as SourceMapPayload);
  } catch {
    return undefined;
  }
}
