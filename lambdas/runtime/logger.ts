/** Fields of a log line: ids, counts and reasons. Never an event, a key or content. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Writes lines that CloudWatch Logs Insights takes apart by itself. */
export interface Logger {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
}

/** One JSON object a line. Lambda adds time and request id. */
export function makeLogger(functionName: string, writeLine: (line: string) => void = defaultWrite): Logger {
  const write = (level: 'info' | 'warn', message: string, fields: LogFields = {}) => {
    writeLine(JSON.stringify({ level, function: functionName, message, ...fields }));
  };
  return {
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
  };
}

function defaultWrite(line: string): void {
  console.log(line);
}
