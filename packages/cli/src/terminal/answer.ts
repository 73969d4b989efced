import * as z from 'zod';

/** A form of what a command prints for programs, declared beside the command; docs/json.md has what all forms share. */
export interface Answer<Schema extends z.ZodType = z.ZodType> {
  /** `document`: the only one; `line`: one of any number, each on a line of its own. */
  readonly form: 'document' | 'line';
  /** When it is printed, as the rest of a sentence. */
  readonly when: string;
  readonly schema: Schema;
}

/** A value of a schema as commands have it: its arrays and objects may be read-only. */
export type Printable<Value> = Value extends string | number | boolean | null | undefined | Date
  ? Value
  : Value extends readonly (infer One)[]
    ? readonly Printable<One>[]
    : Value extends object
      ? { readonly [Field in keyof Value]: Printable<Value[Field]> }
      : Value;

export function documentAnswer<Schema extends z.ZodType>(when: string, schema: Schema): Answer<Schema> {
  return { form: 'document', when, schema };
}

export function lineAnswer<Schema extends z.ZodType>(when: string, schema: Schema): Answer<Schema> {
  return { form: 'line', when, schema };
}

/** A point in time, which JSON has as text. */
export const Time = z
  .codec(z.iso.datetime(), z.date(), {
    decode: (text) => new Date(text),
    encode: (time) => time.toISOString(),
  })
  .meta({ id: 'Time', description: 'ISO 8601, in UTC' });

/** Nothing that a program counts is negative: bytes, files, blocks. */
export const WholeNumber = z.int().nonnegative();

/** Fields of a path; `pathBase64` is there where the path is not UTF-8. */
export const pathShape = { path: z.string(), pathBase64: z.base64().optional() };
