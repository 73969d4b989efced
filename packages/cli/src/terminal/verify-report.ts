import {
  type BackupError,
  isDamaged,
  isDegraded,
  type PointRow,
  type ProgressEvent,
  type verifyHistory,
  type verifyImages,
  type verifyPoints,
} from '@holdfast/engine';
import { ErrorRecord, findErrorKind } from '@holdfast/engine/model';
import * as z from 'zod';
import type { ImageCheck, PartCheck } from '@holdfast/image-files';
import { isImage } from '../names/open-point.ts';
import { unreadText } from '../names/degraded-point.ts';
import { WholeNumber, documentAnswer, pathShape, type Printable } from './answer.ts';
import { VerificationStoppedError } from './errors.ts';
import type { Output } from './output.ts';
import { bytesText, countText, numberText, pathFields, pathText } from './text.ts';

type History = Awaited<ReturnType<typeof verifyHistory>>;
type Verification = ReturnType<typeof verifyPoints<PointRow>> extends AsyncGenerator<infer One> ? One : never;
type ImageVerification =
  ReturnType<typeof verifyImages<PointRow>> extends AsyncGenerator<infer One> ? One : never;
type Outcome = Extract<Verification, { readonly outcome: unknown }>['outcome'];
type LostRange = Outcome['lostRanges'][number];
type FileSystemCheck = Extract<PartCheck, { readonly check: unknown }>['check'];
type DamagedObject = Outcome['damagedObjects'][number];
type Loss = ErrorRecord;

const Loss = ErrorRecord.strict();
const pointShape = { pointId: z.string(), resourceArn: z.string() };
const Stretch = z.strictObject({ volume: z.string(), from: WholeNumber, to: WholeNumber });
const ofObject = { objectName: z.string(), packId: z.string() };
const partShape = { path: z.string(), content: z.string().optional() };

const ReadOutcome = z.strictObject({
  files: WholeNumber,
  bytes: WholeNumber,
  chunks: WholeNumber,
  packs: WholeNumber,
  /** Only the first of them. */
  damagedFiles: z.array(Loss.extend({ path: z.string() })),
  damagedFileCount: WholeNumber,
  lostStretches: z.array(Stretch),
  lostRanges: z.array(
    Loss.extend({
      map: z.enum(['manifest', 'pack-map']),
      after: z.string().optional(),
      through: z.string(),
      entries: WholeNumber,
    }),
  ),
  problems: z.array(z.string()),
  damagedObjects: z.array(z.strictObject({ ...ofObject, loss: Loss, count: WholeNumber })),
  refusedFileCount: WholeNumber,
  refusedObjects: z.array(z.strictObject({ ...ofObject, message: z.string() })),
});

const CheckedPart = z.union([
  z.strictObject({
    ...partShape,
    check: z.strictObject({
      directories: WholeNumber,
      files: WholeNumber,
      storedBytes: WholeNumber,
      findings: z.array(
        z.strictObject({ kind: z.string(), ...z.object(pathShape).partial().shape, message: z.string() }),
      ),
      findingCount: WholeNumber,
      madeGood: z.array(z.string()),
      unsupported: WholeNumber,
      uncompared: WholeNumber,
    }),
    notices: z.array(z.string()),
    isInDoubt: z.boolean(),
  }),
  z.strictObject({ ...partShape, notSupported: z.string() }),
  z.strictObject({ ...partShape, damaged: z.string() }),
]);

/** Only with `--filesystem`. */
const fileSystems = z
  .strictObject({
    parts: z.array(CheckedPart),
    unread: z.array(z.string()),
    notices: z.array(z.string()),
    unused: z.array(Stretch),
  })
  .optional();

const VerifiedPoint = z.union([
  z.strictObject({ ...pointShape, damaged: z.boolean(), ...ReadOutcome.shape, fileSystems }),
  z.strictObject({
    ...pointShape,
    damaged: z.boolean(),
    snapshots: WholeNumber,
    losses: z.array(Loss),
    fileSystems,
  }),
  z.strictObject({ ...pointShape, damaged: z.literal(true), rootLoss: Loss }),
  z.strictObject({ ...pointShape, notVerified: Loss }),
]);

export const VerifyAnswer = documentAnswer(
  'always',
  z.strictObject({
    damaged: z.boolean(),
    /** Why it ended early. */
    stopped: z.string().optional(),
    /** Ids of points that it did not come to. */
    notReached: z.array(z.string()).optional(),
    vaultFiles: z.array(Loss),
    histories: z.array(
      z.strictObject({
        resourceArn: z.string(),
        roots: WholeNumber,
        problems: z.array(Loss.extend({ pointId: z.string().optional() })),
      }),
    ),
    points: z.array(VerifiedPoint),
    passedOver: z.array(z.strictObject({ ...pointShape, reason: z.string() })),
  }),
);
type VerifiedFields = Printable<z.output<(typeof VerifyAnswer)['schema']>>;
/** A list that grows while points are verified. */
type Growing<Name extends 'vaultFiles' | 'histories' | 'points' | 'passedOver'> =
  VerifiedFields[Name][number][];

const unseenListed = 20;

/** The answer of `verify`: lines as things are found, or one document at the end. */
export class VerifyReport {
  readonly #out: Output;
  readonly #points: readonly PointRow[];
  readonly #unseen: Set<PointRow['pointId']>;
  readonly #document: {
    vaultFiles: Growing<'vaultFiles'>;
    histories: Growing<'histories'>;
    points: Growing<'points'>;
    passedOver: Growing<'passedOver'>;
  } = { vaultFiles: [], histories: [], points: [], passedOver: [] };
  readonly #objects = new Map<string, DamagedObject>();
  #isDamaged = false;
  #isUnsound = false;
  #notVerified = 0;
  #refused = 0;
  /** Progress of the current point. */
  #files: Pick<ProgressEvent, 'files' | 'filesTotal'> = { files: 0 };

  constructor(out: Output, points: readonly PointRow[]) {
    this.#out = out;
    this.#points = points;
    this.#unseen = new Set(points.map(({ pointId }) => pointId));
  }

  get isDamaged(): boolean {
    return this.#isDamaged;
  }

  /** A file system is damaged, though the vault gives its blocks as they were. */
  get isUnsound(): boolean {
    return this.#isUnsound;
  }

  /** Number of points that have to be thawed first. */
  get notVerified(): number {
    return this.#notVerified;
  }

  /** Number of points that may not be read completely. */
  get refused(): number {
    return this.#refused;
  }

  async vaultFiles(losses: readonly Loss[]): Promise<void> {
    this.#document.vaultFiles.push(...losses);
    for (const { message } of losses) await this.#damage(`damaged: ${message}`);
  }

  async history(resourceArn: string, { roots, problems }: History): Promise<void> {
    this.#document.histories.push({ resourceArn, roots, problems });
    for (const { pointId, message } of problems) {
      const where = pointId === undefined ? resourceArn : `point ${pointId}`;
      await this.#damage(`history: ${where}: ${message}`);
    }
  }

  async passedOver({ pointId, resourceArn }: PointRow, reason: string): Promise<void> {
    this.#unseen.delete(pointId);
    this.#document.passedOver.push({ pointId, resourceArn, reason });
    await this.#line(`point ${pointId} of ${resourceArn}: not looked at: ${reason}`);
  }

  /** @param areWalked - true if the file systems in its snapshots are checked next. */
  async image(
    verification: Exclude<ImageVerification, { readonly isInVault: true }>,
    areWalked: boolean,
  ): Promise<void> {
    const { pointId, resourceArn } = verification.point;
    this.#unseen.delete(pointId);
    if (this.#points.length > 1) await this.#line(`point ${pointId} of ${resourceArn}`);
    if ('rootLoss' in verification) return this.#rootLoss(verification.point, verification.rootLoss);
    const { snapshots, losses } = verification;
    const damaged = losses.length > 0;
    this.#document.points.push({ pointId, resourceArn, damaged, snapshots, losses });
    for (const { message } of losses) await this.#damage(`damaged: ${message}`);
    const verdict = damaged
      ? `DAMAGED: ${countText(losses.length, 'volume')} cannot be restored`
      : areWalked
        ? 'all are there; of their blocks, those are read that their file systems stand on'
        : 'all are there, their blocks were not read';
    await this.#line(`point ${pointId}: looked for ${countText(snapshots, 'EBS snapshot')}: ${verdict}`);
  }

  async #rootLoss({ pointId, resourceArn }: PointRow, rootLoss: Loss): Promise<void> {
    this.#document.points.push({ pointId, resourceArn, damaged: true, rootLoss });
    await this.#damage(`point ${pointId}: DAMAGED: its root cannot be read: ${rootLoss.message}`);
  }

  progress({ files, filesTotal }: ProgressEvent): void {
    this.#files = { files, filesTotal };
  }

  async point(verification: Verification): Promise<void> {
    const { pointId, resourceArn } = verification.point;
    this.#unseen.delete(pointId);
    this.#files = { files: 0 };
    if (this.#points.length > 1) await this.#line(`point ${pointId} of ${resourceArn}`);
    if ('rootLoss' in verification) return this.#rootLoss(verification.point, verification.rootLoss);
    if ('notVerified' in verification) {
      const { notVerified } = verification;
      if (findErrorKind(notVerified.name) === 'denied') this.#refused += 1;
      else this.#notVerified += 1;
      this.#document.points.push({ pointId, resourceArn, notVerified });
      await this.#line(`point ${pointId}: not verified: ${notVerified.message}`);
      return;
    }
    const { outcome } = verification;
    this.#document.points.push({ pointId, resourceArn, damaged: isDamaged(outcome), ...outcome });
    for (const object of outcome.damagedObjects) this.#objects.set(object.packId, object);
    for (const { objectName, message } of outcome.refusedObjects)
      await this.#line(`not readable: ${objectName}: ${message}`);
    if (isRefused(outcome)) this.#refused += 1;
    await this.#lossesOf(outcome);
    const lacks = isDegraded(verification.point) ? `; ${unreadText(verification.point)}` : '';
    const outside = isImage(verification.point) ? '; it needs nothing outside the vault' : '';
    await this.#line(`point ${pointId}: ${readText(outcome)}: ${verdictOf(outcome)}${lacks}${outside}`);
  }

  /** Reports what was found in the file systems of an image, after what was of its blocks. */
  async fileSystems({ pointId }: PointRow, check: ImageCheck): Promise<void> {
    const { parts, unread, notices, unused } = check;
    const found = { fileSystems: { parts: parts.map(partDocument), unread, notices, unused } };
    const at = this.#document.points.findLastIndex((point) => point.pointId === pointId);
    const entry = this.#document.points[at];
    if (entry !== undefined && ('files' in entry || 'snapshots' in entry))
      this.#document.points[at] = { ...entry, ...found };
    for (const text of unread) await this.#line(`not readable: ${text}`);
    if (unread.length > 0) this.#refused += 1;
    for (const notice of notices) await this.#line(`notice: ${notice}`);
    for (const part of parts) await this.#part(part);
    for (const { volume, from, to } of unused)
      await this.#damage(
        `lost: ${bytesText(to - from)} of ${volume} from byte ${from} on: no file that was found lies there, but free ` +
          'space, a journal, or a part that is not read',
      );
  }

  async #part(part: PartCheck): Promise<void> {
    const name = part.content === undefined ? part.path : `${part.path} (${part.content})`;
    if ('notSupported' in part) return this.#line(`not looked at: ${name}: ${part.notSupported}`);
    if ('damaged' in part) {
      this.#isUnsound = true;
      return this.#line(`file system: ${name}: ${part.damaged}`);
    }
    const { check, notices, isInDoubt } = part;
    for (const notice of notices)
      if (!check.madeGood.includes(notice)) await this.#line(`notice: ${part.path}: ${notice}`);
    const doubt = isInDoubt ? 'in doubt' : 'file system';
    for (const text of check.madeGood) await this.#line(`${doubt}: ${part.path}: ${text}`);
    let lost = 0;
    for (const { kind, path, message } of check.findings) {
      const line = `${path === undefined ? part.path : pathText(pathIn(part, path))}: ${message}`;
      if (isLost(kind)) {
        lost += 1;
        await this.#damage(`damaged: ${line}`);
      } else await this.#line(`${doubt}: ${line}`);
    }
    if (check.findingCount > check.findings.length)
      await this.#line(`… and ${check.findingCount - check.findings.length} more`);
    const others = check.findingCount - lost + check.madeGood.length;
    if (others > 0 && !isInDoubt) this.#isUnsound = true;
    await this.#line(`${name}: ${walkedText(check)}: ${soundText(lost, others, isInDoubt)}`);
  }

  /** Makes the error of a verification that ended early, with its progress and what to run for the rest. */
  stopped(error: BackupError): VerificationStoppedError {
    const { files, filesTotal = files } = this.#files;
    const of = this.#points.length;
    const [next] = this.#unseen;
    const within = files === 0 ? '' : ` and ${files} of ${countText(filesTotal, 'file')} of point ${next}`;
    const rest = [...this.#unseen].slice(0, unseenListed).join(' ');
    const more =
      this.#unseen.size > unseenListed ? ` and ${this.#unseen.size - unseenListed} more points` : '';
    return new VerificationStoppedError(
      `stopped after ${of - this.#unseen.size} of ${countText(of, 'point')}${within}: ${error.message}; ` +
        `what was not reached is not known to be damaged: then run "holdfast verify ${rest}"${more}`,
      { cause: error },
    );
  }

  /**
   * @param isMarked - true when damaged packs have been marked.
   * @param stopped - the reason why not all was verified.
   */
  async finish(isMarked: boolean, stopped?: VerificationStoppedError): Promise<void> {
    for (const { objectName, loss, count } of this.#objects.values()) {
      const more = count > 1 ? ` (and ${countText(count - 1, 'other problem')})` : '';
      await this.#damage(`damaged object: ${objectName}: ${loss.message}${more}`);
    }
    if (this.#objects.size > 0) {
      await this.#line(
        isMarked
          ? 'the next backups store anew what these objects hold'
          : 'run it again with --mark-damaged, so that the next backups store anew what these objects hold',
      );
    }
    if (this.#out.json) {
      await this.#out.answer(VerifyAnswer, {
        damaged: this.#isDamaged,
        stopped: stopped?.message,
        notReached: stopped && [...this.#unseen],
        ...this.#document,
      });
    }
  }

  async #lossesOf(outcome: Outcome): Promise<void> {
    const { damagedFiles, damagedFileCount, lostRanges, problems } = outcome;
    for (const { path, message } of damagedFiles) await this.#damage(`damaged: ${path}: ${message}`);
    if (damagedFileCount > damagedFiles.length)
      await this.#damage(`… and ${damagedFileCount - damagedFiles.length} more`);
    for (const range of lostRanges) await this.#damage(lostText(range));
    for (const problem of problems) await this.#damage(`problem: ${problem}`);
  }

  async #damage(line: string): Promise<void> {
    this.#isDamaged = true;
    await this.#line(line);
  }

  async #line(line: string): Promise<void> {
    if (!this.#out.json) await this.#out.line(line);
  }
}

function pathIn({ path }: PartCheck, inner: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${path}/`), inner]);
}

function isLost(kind: string): boolean {
  return kind === 'content-lost' || kind === 'metadata-lost';
}

function partDocument(part: PartCheck) {
  if (!('check' in part)) return part;
  const findings = part.check.findings.map(({ kind, path, message }) => ({
    kind,
    ...(path && pathFields(pathIn(part, path))),
    message,
  }));
  return { ...part, check: { ...part.check, findings } };
}

function walkedText({ files, directories, unsupported, uncompared }: FileSystemCheck): string {
  const passed =
    unsupported === 0 ? '' : `, ${countText(unsupported, 'encrypted or unknown one')} passed over`;
  const left = uncompared === 0 ? '' : `, ${countText(uncompared, 'comparison')} left out for want of memory`;
  const within = directories === 1 ? '1 directory' : `${numberText(directories)} directories`;
  return `walked through ${countText(files, 'file')} in ${within}${passed}${left}`;
}

function soundText(lost: number, others: number, isInDoubt: boolean): string {
  const damage = lost === 0 ? '' : `DAMAGED: ${countText(lost, 'place')} on lost blocks; `;
  if (others === 0) return `${damage}${lost === 0 ? 'no damage' : 'no other damage'}`;
  const found = countText(others, lost === 0 ? 'fault' : 'other fault');
  return isInDoubt
    ? `${damage}${found}, which may be due to a journal that was not replayed; mount a restored volume to see`
    : `${damage}UNSOUND: ${found}, as it was when it was backed up; the vault gives its blocks as they were`;
}

function lostText({ map, after, through, entries, message }: LostRange): string {
  const what = map === 'manifest' ? 'entries of the manifest' : 'packs of the pack map';
  const from = after === undefined ? 'from the first' : `after "${after}"`;
  return `lost: ${numberText(entries)} ${what}, ${from} through "${through}": ${message}`;
}

function readText({ files, bytes, chunks, packs }: Outcome): string {
  return `read ${countText(files, 'file')}, ${bytesText(bytes)} in ${countText(chunks, 'chunk')} of ${countText(packs, 'pack')}`;
}

function isRefused({ refusedFileCount, refusedObjects }: Outcome): boolean {
  return refusedFileCount > 0 || refusedObjects.length > 0;
}

function verdictOf(outcome: Outcome): string {
  const { refusedFileCount, refusedObjects } = outcome;
  const unknown = isRefused(outcome)
    ? `NOT VERIFIED: ${countText(refusedFileCount, 'file')} and ${countText(refusedObjects.length, 'object')} may not be read; of the rest: `
    : '';
  return unknown + verdictOfRead(outcome);
}

function verdictOfRead(outcome: Outcome): string {
  const { damagedFileCount, lostRanges, problems, damagedObjects } = outcome;
  if (isDamaged(outcome)) {
    const lost = lostRanges.length > 0 ? `, ${countText(lostRanges.length, 'lost page')}` : '';
    return `DAMAGED: ${countText(damagedFileCount, 'file')} cannot be restored${lost}, ${countText(problems.length, 'other problem')}`;
  }
  if (damagedObjects.length === 0) return 'no damage';
  return `all files can be restored; ${countText(damagedObjects.length, 'object')} that it uses is damaged elsewhere`;
}
