import { createHmac } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKeyedHash } from '../../src/keys/keyed-hash.ts';

describe('the keyed hash', () => {
  it('is HMAC-SHA-256, for messages of any length in any order', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 5_000 })), {
          minLength: 1,
          maxLength: 8,
        }),
        (key, messages) => {
          const keyedHash = createKeyedHash(key);
          for (const message of messages) {
            expect(keyedHash(message)).toBe(createHmac('sha256', key).update(message).digest('hex'));
          }
        },
      ),
    );
  });
});
