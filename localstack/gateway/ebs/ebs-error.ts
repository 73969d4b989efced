/** An error of the EBS direct APIs. Clients match on its code, and on the reason that most codes come with. */
export class EbsError extends Error {
  override readonly name = 'EbsError';
  readonly status: number;
  readonly code: string;
  readonly reason: string | undefined;

  constructor(status: number, code: string, message: string, reason?: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.reason = reason;
  }
}

export function invalid(reason: string, message: string): EbsError {
  return new EbsError(400, 'ValidationException', message, reason);
}
