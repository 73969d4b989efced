import { isDamaged, type PointRow, type verifyHistory, type verifyPoints } from '@holdfast/engine';
import type { Output } from './output.ts';
import { bytesText, countText, safeText } from './text.ts';

type History = Awaited<ReturnType<typeof verifyHistory>>;
type Verification = ReturnType<typeof verifyPoints<PointRow>> extends AsyncGenerator<infer One> ? One : never;
type Outcome = Extract<Verification, { readonly outcome: unknown }>['outcome'];
type LostRange = Outcome['lostRanges'][number];
type DamagedObject = Outcome['damagedObjects'][number];
interface Loss {
  readonly name: string;
  readonly message: string;
}

/** The answer of `verify`: lines as things are found, or one document at the end. */
export class VerifyReport {
  readonly #out: Output;
  readonly #count: number;
  readonly #document: { vaultFiles: Loss[]; histories: unknown[]; points: unknown[] } = {
    vaultFiles: [],
    histories: [],
    points: [],
  };
  readonly #objects = new Map<string, DamagedObject>();
  #isDamaged = false;
  #notVerified = 0;

  /** @param count - how many points are verified. */
  constructor(out: Output, count: number) {
    this.#out = out;
    this.#count = count;
  }

  /** Whether anything at all is damaged. */
  get isDamaged(): boolean {
    return this.#isDamaged;
  }

  /** Points that have to be thawed first. */
  get notVerified(): number {
    return this.#notVerified;
  }

  async vaultFiles(losses: readonly Loss[]): Promise<void> {
    this.#document.vaultFiles.push(...losses);
    for (const { message } of losses) await this.#damage(`damaged: ${safeText(message)}`);
  }

  async history(resourceArn: string, { roots, problems }: History): Promise<void> {
    this.#document.histories.push({ resourceArn, roots, problems });
    for (const { pointId, message } of problems) {
      const where = pointId === undefined ? resourceArn : `point ${pointId}`;
      await this.#damage(`history: ${safeText(where)}: ${safeText(message)}`);
    }
  }

  async point(verification: Verification): Promise<void> {
    const { pointId, resourceArn } = verification.point;
    if (this.#count > 1) await this.#line(`point ${pointId} of ${safeText(resourceArn)}`);
    if ('rootLoss' in verification) {
      const { rootLoss } = verification;
      this.#document.points.push({ pointId, resourceArn, damaged: true, rootLoss });
      await this.#damage(`point ${pointId}: DAMAGED: its root cannot be read: ${safeText(rootLoss.message)}`);
      return;
    }
    if ('notVerified' in verification) {
      const { notVerified } = verification;
      this.#notVerified += 1;
      this.#document.points.push({ pointId, resourceArn, notVerified });
      await this.#line(`point ${pointId}: not verified: ${safeText(notVerified.message)}`);
      return;
    }
    const { outcome } = verification;
    this.#document.points.push({ pointId, resourceArn, damaged: isDamaged(outcome), ...outcome });
    for (const object of outcome.damagedObjects) this.#objects.set(object.packId, object);
    await this.#lossesOf(outcome);
    await this.#line(`point ${pointId}: ${readText(outcome)}: ${verdictOf(outcome)}`);
  }

  /** @param isMarked - whether damaged packs have been marked. */
  async finish(isMarked: boolean): Promise<void> {
    for (const { objectName, loss, count } of this.#objects.values()) {
      const more = count > 1 ? ` (and ${countText(count - 1, 'other problem')})` : '';
      await this.#damage(`damaged object: ${safeText(objectName)}: ${safeText(loss.message)}${more}`);
    }
    if (this.#objects.size > 0) {
      await this.#line(
        isMarked
          ? 'the next backups store anew what these objects hold'
          : 'run it again with --mark-damaged, so that the next backups store anew what these objects hold',
      );
    }
    if (this.#out.json) await this.#out.document({ damaged: this.#isDamaged, ...this.#document });
  }

  async #lossesOf(outcome: Outcome): Promise<void> {
    const { damagedFiles, damagedFileCount, lostRanges, problems } = outcome;
    for (const { path, message } of damagedFiles)
      await this.#damage(`damaged: ${safeText(path)}: ${safeText(message)}`);
    if (damagedFileCount > damagedFiles.length)
      await this.#damage(`… and ${damagedFileCount - damagedFiles.length} more`);
    for (const range of lostRanges) await this.#damage(lostText(range));
    for (const problem of problems) await this.#damage(`problem: ${safeText(problem)}`);
  }

  async #damage(line: string): Promise<void> {
    this.#isDamaged = true;
    await this.#line(line);
  }

  async #line(line: string): Promise<void> {
    if (!this.#out.json) await this.#out.line(line);
  }
}

function lostText({ map, after, through, entries, message }: LostRange): string {
  const what = map === 'manifest' ? 'entries of the manifest' : 'packs of the pack map';
  const from = after === undefined ? 'from the first' : `after "${safeText(after)}"`;
  return `lost: ${entries.toLocaleString('en-US')} ${what}, ${from} through "${safeText(through)}": ${safeText(message)}`;
}

function readText({ files, bytes, chunks, packs }: Outcome): string {
  return `read ${countText(files, 'file')}, ${bytesText(bytes)} in ${countText(chunks, 'chunk')} of ${countText(packs, 'pack')}`;
}

function verdictOf(outcome: Outcome): string {
  const { damagedFileCount, lostRanges, problems, damagedObjects } = outcome;
  if (isDamaged(outcome)) {
    const lost = lostRanges.length > 0 ? `, ${countText(lostRanges.length, 'lost page')}` : '';
    return `DAMAGED: ${countText(damagedFileCount, 'file')} cannot be restored${lost}, ${countText(problems.length, 'other problem')}`;
  }
  if (damagedObjects.length === 0) return 'no damage';
  return `all files can be restored; ${countText(damagedObjects.length, 'object')} that it uses is damaged elsewhere`;
}
