import type { UnkeptFact } from '@holdfast/engine/model';
import type { UnkeptCount } from '@holdfast/engine';
import { countText, safeText } from '../terminal/text.ts';

/** What a person calls the facts that a target may not be able to keep. */
const names: Readonly<Record<UnkeptFact, string>> = {
  mode: 'permissions',
  'set-id': 'the set-user-id or set-group-id bit',
  owner: 'the owner',
  time: 'the exact time of modification',
  headers: 'content headers',
  metadata: 'user metadata',
  tags: 'tags',
  'storage-class': 'the storage class',
};

/** One line about restored files that lack a fact. */
export function unkeptText({ fact, entries, example }: UnkeptCount): string {
  return `not kept: ${names[fact]} of ${countText(entries, 'file')}, ${safeText(example)} for one: the target has no place for it, or this user no right`;
}
