import { safety } from '../model/safety.ts';
import { dayMs } from '../model/time.ts';
import {
  addAmounts,
  type AmountKnown,
  type ProgressReports,
  type ReportedWork,
  type WorkAmount,
} from '../ports/catalog/progress.ts';

interface Kept<Said> {
  readonly said: Said;
  readonly at: Date;
}

export class MemoryProgress implements ProgressReports {
  readonly #parts = new Map<string, Map<number, Kept<WorkAmount>>>();
  readonly #totals = new Map<string, Kept<AmountKnown>>();

  async report(workId: string, part: number, done: WorkAmount, at: Date): Promise<void> {
    await Promise.resolve();
    this.#forget(at);
    const parts = this.#parts.get(workId) ?? new Map<number, Kept<WorkAmount>>();
    const { files, bytes } = parts.get(part)?.said ?? { files: 0, bytes: 0 };
    if (done.files >= files && done.bytes >= bytes) parts.set(part, { said: done, at });
    this.#parts.set(workId, parts);
  }

  async noteTotal(workId: string, total: AmountKnown, at: Date): Promise<void> {
    await Promise.resolve();
    this.#forget(at);
    this.#totals.set(workId, { said: total, at });
  }

  async find(workId: string): Promise<ReportedWork | undefined> {
    await Promise.resolve();
    const parts = [...(this.#parts.get(workId)?.values() ?? [])].map(({ said }) => said);
    if (parts.length === 0) return undefined;
    const total = this.#totals.get(workId)?.said;
    return { ...addAmounts(parts), ...(total && { total }) };
  }

  adopt(other: MemoryProgress): void {
    for (const [workId, parts] of other.#parts) this.#parts.set(workId, new Map(parts));
    for (const [workId, total] of other.#totals) this.#totals.set(workId, total);
  }

  #forget(now: Date): void {
    const isOver = ({ at }: Kept<unknown>): boolean =>
      at.getTime() < now.getTime() - safety.progressDays * dayMs;
    for (const parts of this.#parts.values())
      for (const [part, kept] of parts) if (isOver(kept)) parts.delete(part);
    for (const [workId, total] of this.#totals) if (isOver(total)) this.#totals.delete(workId);
  }
}
