import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { runMeasured, type Usage } from './child.ts';

const environment = { RESTIC_PASSWORD: 'benchmark' };

/** The installed restic's version, as it prints it. */
export function findRestic(): string | undefined {
  try {
    return execFileSync('restic', ['version'], { encoding: 'utf8' }).trim().split(' compiled')[0];
  } catch {
    return undefined;
  }
}

/** A restic repository (version 2: compressed, as Holdfast's packs are), with a cache of its own. */
export class ResticRepository {
  readonly #at: string;

  private constructor(at: string) {
    this.#at = at;
  }

  static make(at: string): ResticRepository {
    const repository = new ResticRepository(at);
    const args = repository.#args('init', '--repository-version', '2');
    execFileSync('restic', args, { env: { ...process.env, ...environment } });
    return repository;
  }

  get directory(): string {
    return join(this.#at, 'repository');
  }

  async backUp(directory: string): Promise<Usage> {
    return (await runMeasured('restic', this.#args('backup', directory), environment)).usage;
  }

  async restore(directory: string): Promise<Usage> {
    return (await runMeasured('restic', this.#args('restore', 'latest', '--target', directory), environment))
      .usage;
  }

  #args(...command: string[]): string[] {
    return ['--quiet', '--repo', this.directory, '--cache-dir', join(this.#at, 'cache'), ...command];
  }
}
