import type { Output } from '../terminal/output.ts';
import { safeText } from '../terminal/text.ts';

/** Kept entries that are named. */
const shown = 20;

/** Says what a restore left as it was although it differs, and what to do about it; nothing where it left nothing. */
export async function printKept(kept: number, keptFiles: readonly string[], out: Output): Promise<void> {
  if (kept === 0) return;
  for (const path of keptFiles.slice(0, shown)) await out.line(`left as it was: ${safeText(path)}`);
  if (kept > Math.min(shown, keptFiles.length))
    await out.line(`… and ${(kept - Math.min(shown, keptFiles.length)).toLocaleString('en-US')} more`);
  const one = kept === 1;
  await out.line(
    `${kept.toLocaleString('en-US')} ${one ? 'entry' : 'entries'} of the target ${one ? 'differs' : 'differ'} from the point, or ` +
      `cannot be told to be the same, and ${one ? 'was' : 'were'} left: to replace ${one ? 'it' : 'them'}, repeat the restore ` +
      'with --overwrite if-different',
  );
}
