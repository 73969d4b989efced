declare module 'asl-validator' {
  interface Validation {
    readonly isValid: boolean;
    errorsText(separator?: string): string;
  }
  /** Checks a definition against the JSON schemas of Amazon States Language. Writes defaults into it. */
  export default function aslValidator(definition: object): Validation;
}
