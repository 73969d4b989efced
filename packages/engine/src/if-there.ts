import { ObjectNotFoundError } from './errors.ts';

/** The answer of a store about an object, `undefined` where there is no such object. */
export async function ifThere<Answer>(asked: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return undefined;
    throw error;
  }
}
