import { expect, test } from 'vitest';
import { isRansomName } from '../../src/signs/ransom-names.ts';

test.for([
  'README_DECRYPT.txt',
  'README_TO_RESTORE.txt',
  'HOW_TO_RECOVER_FILES.html',
  'HOW TO RECOVERY FILES.TXT',
  'How To Restore Your Files.txt',
  'HOW_RETURN_YOUR_DATA.TXT',
  'how_to_decrypt.hta',
  'DECRYPT-FILES.txt',
  'UNLOCK_MY_FILES.txt',
  'DtMXQFOCos-RECOVER-README.txt',
  '!!!READ_ME_MEDUSA!!!.txt',
  '!_karakurt_READ_ME_!.txt',
  'akira_readme.txt',
  'cAcTuS.readme.txt',
  'README.BlackSuit.txt',
  'R3ADM3.txt',
  'CriticalBreachDetected.pdf',
  'report.docx.akira',
  'holiday.jpg.lockbit',
])('%s is a name that ransomware leaves', (name) => {
  expect(isRansomName(name)).toBe(true);
});

test.for([
  'README.txt',
  'README.md',
  'how-to-restore-a-database.md',
  'howto.txt',
  'decrypt.ts',
  'encrypted.zip',
  'recovery-plan.pdf',
  'notes.txt.locked',
  'unlock.txt',
  'akira.jpg',
  'lockbit',
])('%s is not', (name) => {
  expect(isRansomName(name)).toBe(false);
});
