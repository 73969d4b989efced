/**
 * Names that ransomware gives to its notes, and endings that it puts behind names of files.
 *
 * Gathered on 2026-11-30 from names in the collection of notes of Zscaler ThreatLabz
 * (github.com/threatlabz/ransomware_notes), as github.com/mthcht/ThreatHunting-Keywords-yara-rules lists them in
 * `ransomware_notes.yara` at 49ee4bd7; endings from legalaudit.ch/en/cyber-coach/ransomware-victim-playbook. Only what
 * hardly means anything else is here: `.locked`, `.encrypted` and a plain `readme.txt` are not.
 */
const noteNames: readonly RegExp[] = [
  /\bhow (to )?(decrypt|recover|recovery|restore|return)\b/,
  /\bread ?me (to |for )?(decrypt|recover|restore|unlock)\b/,
  /\b(decrypt|recover|restore|unlock) (my |your )?files\b/,
  /\brecover(y)? (readme|instructions)\b/,
  /\bfiles are encrypted\b/,
  /\bransom ?note\b/,
  /\b(akira|bidon|ifire|cactus|inc|blackhunt|\+) ?readme\b/,
  /\breadme (blacksuit|notes ragnar)\b/,
  /\b(medusa|karakurt) read ?me\b|\bread ?me medusa\b/,
  /\br3adm3\b|\bcriticalbreachdetected\b|\brisen (note|guide)\b|\brecovery darkbit\b|\bkarma encrypted\b/,
];

/** Notes are for people to open: of other kinds of files such names say less. */
const noteEndings = /\.(txt|html?|hta|rtf|pdf)$/;

const lockedEndings = /\.(akira|blackcat|lockbit)$/;

/** Tells the name of a file, without its directories, that ransomware is known to leave. */
export function isRansomName(name: string): boolean {
  const lower = name.toLowerCase();
  if (lockedEndings.test(lower)) return true;
  if (!noteEndings.test(lower)) return false;
  const words = lower.replace(noteEndings, '').replaceAll(/[\s_.!#-]+/g, ' ');
  return noteNames.some((known) => known.test(words));
}
