/** The trace of a connection as text, for `enableTrace` and `--trace-tls`. No secret is in it. */
import { inspect } from 'node:util';
import type { ServerOptions } from '../../engine/config.ts';

type Trace = NonNullable<ServerOptions['trace']>;

/** Writes what happens on a connection to a stream, in the manner of OpenSSL's trace. */
export function traceTo(stream: NodeJS.WritableStream): Trace {
  return (event) => {
    switch (event.kind) {
      case 'message': {
        const name = event.type[0]!.toUpperCase() + event.type.slice(1);
        const fields = inspect(event.fields, { depth: 4, breakLength: 110 }).replaceAll('\n', '\n    ');
        const direction = event.direction === 'sent' ? 'Sent' : 'Received';
        stream.write(
          `${direction} TLS Record: ${name}, Length=${event.raw.length} (keys: ${event.epoch})\n    ${fields}\n`,
        );
        break;
      }
      case 'alert':
        stream.write(
          `${event.direction === 'sent' ? 'Sent' : 'Received'} TLS Record: Alert ${event.alert} (level ${event.level})\n`,
        );
        break;
      case 'keyChange':
        stream.write(`Keys for what is ${event.direction}: ${event.epoch}, ${event.cipherSuite}\n`);
        break;
      case 'decision':
        stream.write(`Decided on ${event.about}: ${event.choice} (${event.reason})\n`);
        break;
      default:
        stream.write(`TLS connection ${event.kind}\n`);
    }
  };
}

let traceWarned = false;

/** Whether the process was started with `--trace-tls`. */
export function traceAll(): boolean {
  if (!process.execArgv.includes('--trace-tls')) return false;
  if (!traceWarned) {
    traceWarned = true;
    process.emitWarning('Enabling --trace-tls can expose sensitive data in the resulting log.');
  }
  return true;
}
