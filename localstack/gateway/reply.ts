/** A whole answer that the gateway gives by itself, without the upstream. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** Makes a JSON {@link Reply} of one of AWS's JSON protocols or of the gateway's own endpoints. */
export function jsonReply(status: number, value: unknown, contentType = 'application/json'): Reply {
  return { status, headers: { 'content-type': contentType }, body: JSON.stringify(value) };
}

/** Makes an XML {@link Reply} from a rendered document. */
export function xmlReply(status: number, body: string): Reply {
  return {
    status,
    headers: { 'content-type': 'text/xml;charset=UTF-8' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n${body}`,
  };
}
