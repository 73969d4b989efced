import { BackupError } from '../errors.ts';
import { objectPrefixes, parseObjectName } from '../packs/object-names.ts';
import type { ObjectStore, ObjectVersion } from '../ports/object-store.ts';
import { checkpointName, parseCheckpoint, type AuditCheckpoint } from './audit-checkpoint.ts';
import {
  auditEntryName,
  auditEntryNumber,
  auditHash,
  auditPrefixes,
  parseAuditEntry,
  type AuditEntry,
} from './audit-entry.ts';
import { hourMs } from '../model/time.ts';

/** `name` is the object that shows the problem. */
interface AuditProblem {
  readonly problem: 'removed' | 'changed' | 'reordered' | 'rewritten' | 'unrecorded';
  readonly name: string;
  readonly message: string;
}

export interface AuditOutcome {
  readonly chains: number;
  readonly entries: number;
  readonly checkpoints: number;
  /** The newest checkpoint. Compared with a copy that was kept elsewhere, it proves that nothing was cut off. */
  readonly newest?: { readonly date: string; readonly sha256: string };
  readonly problems: readonly AuditProblem[];
}

export interface VerifyAuditOptions {
  /** Called for every entry that can be read, chain by chain, each in its order. */
  readonly onEntry?: (entry: AuditEntry) => void;
  /** Hash of a checkpoint that was kept outside the vault: one that is not there any more is reported. */
  readonly keptCheckpoint?: string;
  readonly signal?: AbortSignal;
}

interface Link {
  readonly n: number;
  readonly sha256: string;
}

/**
 * Reads the whole audit log and names every entry that was removed, changed or reordered, every name that was written
 * twice, and every point of the vault whose commit is not in the log. Needs no key and no catalog.
 *
 * It cannot see by itself that the newest entries and the newest checkpoints were cut off together. The store's locks
 * prevent that; a copy of the newest checkpoint's hash, kept elsewhere, shows it. Memory: one id for every point, the
 * heads in the checkpoints, and one entry.
 */
export async function verifyAudit(
  store: ObjectStore,
  options: VerifyAuditOptions = {},
): Promise<AuditOutcome> {
  const verification = new AuditVerification(store, options);
  await verification.readCheckpoints();
  await verification.readChains();
  await verification.comparePoints();
  return verification.outcome();
}

class AuditVerification {
  readonly #store: ObjectStore;
  readonly #options: VerifyAuditOptions;
  readonly #problems: AuditProblem[] = [];
  /** The entries that checkpoints name: chain → position → hash, and the name of the checkpoint. */
  readonly #witnessed = new Map<string, Map<number, { sha256: string; checkpoint: string }>>();
  readonly #committed = new Set<string>();
  #newest: AuditOutcome['newest'];
  #checkpoints = 0;
  #chains = 0;
  #entries = 0;
  /** Start of the log: commits before it have no entry. */
  #since = Infinity;

  constructor(store: ObjectStore, options: VerifyAuditOptions) {
    this.#store = store;
    this.#options = options;
  }

  outcome(): AuditOutcome {
    return {
      chains: this.#chains,
      entries: this.#entries,
      checkpoints: this.#checkpoints,
      newest: this.#newest,
      problems: this.#problems,
    };
  }

  async readCheckpoints(): Promise<void> {
    const kept = this.#options.keptCheckpoint;
    let isKeptThere = kept === undefined;
    let before: AuditOutcome['newest'];
    for await (const { name, bytes } of this.#objects(auditPrefixes.checkpoints)) {
      const checkpoint = this.#parse(name, bytes, parseCheckpoint);
      if (checkpoint === undefined) continue;
      if (checkpointName(checkpoint.date) !== name)
        this.#report('reordered', name, `it is the checkpoint of ${checkpoint.date}`);
      this.#checkpoints++;
      const { previous } = checkpoint;
      if (previous?.date !== before?.date) {
        this.#report(
          'removed',
          name,
          `it follows the checkpoint of ${previous?.date ?? 'nothing'}, which is not there`,
        );
      } else if (previous?.sha256 !== before?.sha256) {
        this.#report(
          'changed',
          name,
          `the checkpoint of ${before?.date} before it is not the one that it was written after`,
        );
      }
      before = { date: checkpoint.date, sha256: auditHash(bytes) };
      isKeptThere ||= before.sha256 === kept;
      this.#witness(checkpoint, name);
    }
    this.#newest = before;
    if (!isKeptThere)
      this.#report('removed', auditPrefixes.checkpoints, `no checkpoint has the hash ${kept} that was kept`);
  }

  async readChains(): Promise<void> {
    let chain = '';
    let folder = '';
    let last: Link | undefined;
    for await (const { name, bytes } of this.#objects(auditPrefixes.chains)) {
      const n = auditEntryNumber(name);
      if (n === undefined) {
        this.#report('unrecorded', name, 'no entry of the log has such a name');
        continue;
      }
      if (name.slice(0, name.lastIndexOf('/')) !== folder) {
        this.#endChain(chain, last);
        [chain, last, folder] = ['', undefined, name.slice(0, name.lastIndexOf('/'))];
        this.#chains++;
      }
      this.#entries++;
      const here: Link = { n, sha256: auditHash(bytes) };
      const entry = this.#parse(name, bytes, parseAuditEntry);
      if (entry !== undefined && auditEntryName(entry.chain, entry.n) !== name)
        this.#report('reordered', name, `it is entry ${entry.n} of ${entry.chain}`);
      if (here.n !== (last?.n ?? 0) + 1) {
        this.#report(
          'removed',
          name,
          `entries ${(last?.n ?? 0) + 1} to ${here.n - 1} before it are not there`,
        );
      } else if (entry !== undefined && entry.previous !== (last?.sha256 ?? null)) {
        this.#report('changed', name, 'the entry before it is not the one that it was written after');
      }
      last = here;
      if (entry === undefined) continue;
      chain = entry.chain;
      this.#compareWithCheckpoints(chain, here, name);
      if (entry.event.kind === 'commit') this.#committed.add(entry.event.point);
      this.#since = Math.min(this.#since, Date.parse(entry.at));
      this.#options.onEntry?.(entry);
    }
    this.#endChain(chain, last);
    for (const [lost, positions] of this.#witnessed) {
      const checkpoint = [...positions.values()].at(-1)?.checkpoint ?? '';
      this.#report('removed', checkpoint, `the chain of ${lost} that it names is not there`);
    }
  }

  /** A commit is recorded right after its root: an hour later a root without an entry is one that somebody took away. */
  async comparePoints(): Promise<void> {
    if (this.#entries === 0) return;
    const recordedBy = (await this.#store.now()).getTime() - hourMs;
    for await (const { name, storedAt } of this.#store.listVersions(
      objectPrefixes.points,
      this.#listOptions(),
    )) {
      const parsed = parseObjectName(name);
      if (parsed?.kind !== 'root' || this.#committed.has(parsed.pointId)) continue;
      if (storedAt.getTime() < this.#since || storedAt.getTime() > recordedBy) continue;
      this.#report('unrecorded', name, `the commit of point ${parsed.pointId} is not in the log`);
    }
  }

  #witness({ heads }: AuditCheckpoint, checkpoint: string): void {
    for (const { chain, n, sha256 } of heads) {
      const positions = this.#witnessed.get(chain) ?? new Map();
      this.#witnessed.set(chain, positions);
      const known = positions.get(n);
      if (known !== undefined && known.sha256 !== sha256)
        this.#report(
          'changed',
          checkpoint,
          `it disagrees with ${known.checkpoint} about entry ${n} of ${chain}`,
        );
      positions.set(n, { sha256, checkpoint });
    }
  }

  #compareWithCheckpoints(chain: string, { n, sha256 }: Link, name: string): void {
    const witness = this.#witnessed.get(chain)?.get(n);
    if (witness !== undefined && witness.sha256 !== sha256)
      this.#report('changed', name, `it is not the entry that ${witness.checkpoint} has seen`);
  }

  #endChain(chain: string, last: Link | undefined): void {
    if (chain === '' || last === undefined) return;
    const positions = this.#witnessed.get(chain) ?? new Map();
    for (const [n, { checkpoint }] of positions) {
      if (n <= last.n) continue;
      this.#report(
        'removed',
        checkpoint,
        `entry ${n} of ${chain} that it has seen is not there; the last one is ${last.n}`,
      );
    }
    this.#witnessed.delete(chain);
  }

  /** The oldest version of every object under a prefix; other versions of a name are reported. */
  async *#objects(prefix: string): AsyncGenerator<{ readonly name: string; readonly bytes: Uint8Array }> {
    let open: ObjectVersion | undefined;
    for await (const version of this.#store.listVersions(prefix, this.#listOptions())) {
      if (open !== undefined && version.name !== open.name) yield await this.#read(open);
      else if (open !== undefined)
        this.#report(
          'rewritten',
          open.name,
          `version ${open.versionId} was written over the one that was there`,
        );
      // Versions of a name come newest first.
      open = version;
    }
    if (open !== undefined) yield await this.#read(open);
  }

  async #read({ name, versionId }: ObjectVersion): Promise<{ name: string; bytes: Uint8Array }> {
    return { name, bytes: await this.#store.get(name, { versionId, ...this.#listOptions() }) };
  }

  #parse<Result>(
    name: string,
    bytes: Uint8Array,
    parse: (bytes: Uint8Array, name: string) => Result,
  ): Result | undefined {
    try {
      return parse(bytes, name);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      this.#report('changed', name, error.message);
      return undefined;
    }
  }

  #report(problem: AuditProblem['problem'], name: string, message: string): void {
    this.#problems.push({ problem, name, message });
  }

  #listOptions(): { signal?: AbortSignal } {
    const { signal } = this.#options;
    return { signal };
  }
}
