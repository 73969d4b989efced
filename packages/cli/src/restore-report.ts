import * as z from 'zod';
import type { Output } from './output.ts';
import { bytesText, safeText } from './text.ts';

/** What the restore machine answers with at its end. */
const RestoreAnswer = z.object({ report: z.record(z.string(), z.unknown()) });

/** The report in an execution's output; `undefined` where there is none. */
export function reportOf(output: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (output === undefined) return undefined;
  try {
    return RestoreAnswer.safeParse(JSON.parse(output)).data?.report;
  } catch {
    return undefined;
  }
}

/** Prints a report, one line for each fact. */
export async function printReport(
  report: Readonly<Record<string, unknown>> | undefined,
  out: Output,
): Promise<void> {
  const facts = Object.entries(report ?? {});
  const width = Math.max(0, ...facts.map(([name]) => name.length));
  for (const [name, value] of facts) {
    const text =
      name === 'bytes' && typeof value === 'number'
        ? bytesText(value)
        : typeof value === 'string'
          ? value
          : JSON.stringify(value);
    await out.line(`${safeText(name).padEnd(width)}  ${safeText(text)}`);
  }
}
