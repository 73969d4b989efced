import type { CommandDefinition } from '../terminal/command.ts';
import { auditVerifyCommand } from './audit-verify.ts';
import { backupCommand } from './backup.ts';
import { cancelCommand } from './cancel.ts';
import { catCommand } from './cat.ts';
import { catalogRebuildCommand } from './catalog-rebuild.ts';
import { coverageCommand } from './coverage.ts';
import { cycleStartCommand } from './cycle-start.ts';
import { diffCommand } from './diff.ts';
import { findCommand } from './find.ts';
import { doctorCommand } from './doctor.ts';
import { evidenceCommand } from './evidence.ts';
import { explainCommand } from './explain.ts';
import { extractCommand } from './extract.ts';
import { failuresCommand } from './failures.ts';
import { holdListCommand, holdReleaseCommand, holdSetCommand } from './hold.ts';
import { initCommand } from './init.ts';
import { lsCommand } from './ls.ts';
import { maintainCommand } from './maintain.ts';
import { plansCommand } from './plans.ts';
import { pointsCommand } from './points.ts';
import { protectCommand } from './protect.ts';
import { quoteCommand } from './quote.ts';
import { resourcesCommand } from './resources.ts';
import { restoreCommand } from './restore.ts';
import { restoresCommand } from './restores.ts';
import { retentionPreviewCommand } from './retention-preview.ts';
import { runsCommand } from './runs.ts';
import { statusCommand } from './status.ts';
import { usageCommand } from './usage.ts';
import { verifyCommand } from './verify.ts';
import { warningsCommand } from './warnings.ts';

/** Every command, in the order in which `help` lists them. */
export const commands: readonly CommandDefinition[] = [
  statusCommand,
  coverageCommand,
  resourcesCommand,
  plansCommand,
  protectCommand,
  quoteCommand,
  usageCommand,
  backupCommand,
  cycleStartCommand,
  cancelCommand,
  pointsCommand,
  runsCommand,
  lsCommand,
  catCommand,
  diffCommand,
  findCommand,
  restoreCommand,
  restoresCommand,
  failuresCommand,
  verifyCommand,
  warningsCommand,
  maintainCommand,
  retentionPreviewCommand,
  explainCommand,
  holdSetCommand,
  holdReleaseCommand,
  holdListCommand,
  auditVerifyCommand,
  evidenceCommand,
  doctorCommand,
  catalogRebuildCommand,
  extractCommand,
  initCommand,
];
