import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
// Not from the CA's index: that would load all of it at the start of every command.
import { endedAdvice } from '../ca/error.ts';
import { AlertReceivedError, CertificateError, ConfigError, EchRejectedError, TlsError } from '../errors.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';

/** An error with the words for the person at the terminal: what was wrong and where; what to do. */
export class CliError extends Error {
  override name = 'CliError';
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;

  constructor(message: string, options: { hint?: string; exitCode?: ExitCode; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? exitCodes.setup;
  }
}

/** The command line is wrong. */
export function usageError(message: string, hint?: string): CliError {
  return new CliError(message, { ...(hint === undefined ? {} : { hint }), exitCode: exitCodes.usage });
}

interface SystemError extends Error {
  readonly code: string;
  readonly path?: string;
  readonly address?: string;
  readonly port?: number;
  readonly hostname?: string;
  readonly syscall?: string;
  readonly [portOption]?: string;
}

/** The option by which a port was chosen, on errors of listening: the advice names it. */
const portOption = Symbol('option');

/** Waits for a server to listen; where it can't, the advice names this option, e.g. `--listen [HOST:]PORT`. */
export async function listening<T>(option: string, bound: Promise<T>): Promise<T> {
  try {
    return await bound;
  } catch (error) {
    throw error instanceof Error ? Object.assign(error, { [portOption]: option }) : error;
  }
}

/** Whatever was thrown, in words for people. Errors that nobody foresaw keep their stack. */
export function humanError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof AggregateError && error.errors.length > 0) return humanError(error.errors[0]);
  if (error instanceof TlsError) return tlsError(error);
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    return systemError(error as SystemError);
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new CliError(`something went wrong inside handfast:\n${stack}`, {
    hint: 'This is a fault of handfast. Please report it with the lines above.',
    exitCode: exitCodes.internal,
    cause: error,
  });
}

function tlsError(error: TlsError): CliError {
  const { message, code } = error;
  if (error instanceof CertificateError) {
    return new CliError(`the certificate was refused: ${message}`, {
      hint: certificateHints[code] ?? `Error code: ${code}`,
      exitCode: exitCodes.tls,
      cause: error,
    });
  }
  if (error instanceof AlertReceivedError) {
    return new CliError(message, {
      hint: alertHints[error.alert] ?? `Look into the log of the other side for its reason.`,
      exitCode: exitCodes.tls,
      cause: error,
    });
  }
  if (error instanceof ConfigError || code.startsWith('ERR_TLS_CA_')) {
    return new CliError(message, { hint: setupHints[code] ?? `Error code: ${code}`, cause: error });
  }
  if (code === 'ERR_TLS_INTERNAL') {
    return new CliError(`${message}\n${error.stack ?? ''}`, { exitCode: exitCodes.internal, cause: error });
  }
  if (error instanceof EchRejectedError && error.retryConfigs !== undefined) {
    const list = Buffer.from(error.retryConfigs).toString('base64');
    return new CliError(message, { hint: `Run it again with --ech ${list}`, exitCode: exitCodes.tls, cause: error });
  }
  const rule = error.rfc === undefined ? '' : ` (${error.rfc})`;
  return new CliError(`the TLS handshake failed: ${message}${rule}`, {
    hint: handshakeHints[code] ?? `Error code: ${code}`,
    exitCode: exitCodes.tls,
    cause: error,
  });
}

const certificateHints: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_UNKNOWN_CA: 'If you know the authority, name its root: --cacert FILE',
  ERR_TLS_CERT_SELF_SIGNED: 'If this certificate is yours, name it: --cacert FILE',
  ERR_TLS_CERT_EXPIRED: 'Renew the certificate on the server; if it is valid there, check the clock of this machine.',
  ERR_TLS_CERT_NOT_YET_VALID: 'Check the clock of this machine, and that of the one that issued the certificate.',
  ERR_TLS_CERT_NAME: 'Connect by a name that stands in the certificate, or have one issued for this name.',
  ERR_TLS_CERT_REVOKED: 'Its authority took it back. Do not send secrets to this server.',
};

const alertHints: Readonly<Record<string, string>> = {
  certificateRequired: 'The server wants a client certificate: --cert FILE --key FILE',
  protocolVersion: 'The server speaks none of the TLS versions that were offered; try without --tls.',
  handshakeFailure: 'Nothing that was offered suits the server: cipher suites, groups, or signature algorithms.',
  unrecognizedName: 'The server does not know this host name.',
  noApplicationProtocol: 'The server speaks none of the protocols that were offered (ALPN).',
  unknownCa: 'The server does not trust the authority of the client certificate.',
  certificateExpired: 'The server finds the client certificate expired: renew it, or check the clocks.',
  certificateRevoked: 'The authority of the client certificate took it back: get another one.',
  badCertificate: 'The server refuses the client certificate. Is it one for clients, and is its chain whole?',
  certificateUnknown: 'The server refuses the client certificate. Is it one for clients, and is its chain whole?',
  accessDenied: 'The server knows the client certificate, and does not let it in.',
};

const handshakeHints: Readonly<Record<string, string>> = {
  ERR_TLS_CONNECTION_ENDED: 'Is there a TLS server on this port, and does it accept this host name?',
  ERR_TLS_FOREIGN_PROTOCOL: 'The other side does not speak TLS on this port.',
  ERR_TLS_RECORD_VERSION:
    'Is the port right? Mail servers, databases and others begin in the clear: `handfast inspect --starttls`.',
  ERR_TLS_HTTP_RESPONSE: 'Is the port right? HTTPS usually has one of its own.',
  ERR_TLS_UNSUPPORTED_PROTOCOL: '`handfast inspect` tells what the server speaks.',
};

const certificateFileHint =
  'It must be a certificate, or several, as PEM ("-----BEGIN CERTIFICATE-----" to "-----END CERTIFICATE-----"). Was the file cut or edited? Get it again from whoever issued it.';

const setupHints: Readonly<Record<string, string>> = {
  ERR_TLS_CA_LOCKED: 'Another process has this authority open; end it, or wait until it is done.',
  ERR_TLS_CA_MISSING: 'Make an authority with `handfast ca init`, or name another folder: --folder PATH',
  ERR_TLS_CA_EXISTS: 'Use it as it is, name another folder (--folder PATH), or put it aside for a new one: --replace',
  ERR_TLS_CA_NAME:
    'Names are host names (app.test, *.app.test), addresses, e-mail addresses and URIs. Of a request the ones in its subjectAltName count: openssl req … -addext subjectAltName=DNS:app.test',
  ERR_TLS_CA_LINT:
    'An authority with default settings only issues for names that nobody owns on the Internet (localhost, *.test, private addresses …). `handfast ca init --permit NAME` makes one that may issue for yours.',
  ERR_TLS_CA_ENDED: `${endedAdvice[0]?.toUpperCase()}${endedAdvice.slice(1)}.`,
  ERR_TLS_CA_SERIAL: '`handfast ca list` shows the serial numbers.',
  ERR_TLS_CERTIFICATE_FILE: certificateFileHint,
  ERR_TLS_TRUST_ANCHOR: certificateFileHint,
  ERR_TLS_WEAK_KEY: 'What can be guessed protects nothing: openssl rand -out fleet.key 32',
  ERR_TLS_FLEET_KEY: 'Every machine of the fleet gets the same file: --fleet-key FILE',
  ERR_TLS_CA_PASSPHRASE: 'Passphrases come from a file: see the options that end with -passphrase-file.',
};

function authorityOf(address: string, port: number | undefined): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return port === undefined ? host : `${host}:${port}`;
}

function systemError(error: SystemError): CliError {
  const where =
    error.path ?? (error.address === undefined ? error.hostname : authorityOf(error.address, error.port)) ?? '';
  const make = (message: string, hint: string, exitCode: ExitCode = exitCodes.setup) =>
    new CliError(message, { hint, exitCode, cause: error });
  switch (error.code) {
    case 'ENOENT': {
      const folder = dirname(where);
      if (error.path !== undefined && !existsSync(folder))
        return make(`the folder ${folder} does not exist`, 'Make it, or check the path.');
      return make(`${where || 'a file'} does not exist`, 'Check the path.');
    }
    case 'EISDIR':
      return make(`${where || 'what was named'} is a folder, not a file`, 'Name a file.');
    case 'ENOTDIR':
      return make(`${where} is not a folder`, 'Name a folder.');
    case 'EADDRINUSE':
      return make(
        `the port ${error.port} on ${error.address} is taken by another program`,
        `Choose another: ${error[portOption] ?? '--port N'}`,
      );
    case 'EADDRNOTAVAIL':
      return make(`${where} is no address of this machine`, 'Choose another: --host ADDRESS');
    case 'EACCES':
    case 'EPERM':
      if (error.syscall === 'listen' || error.syscall === 'bind') {
        const option = error[portOption] ?? '--port N';
        return make(
          `this user may not listen on port ${error.port}`,
          `Choose a port from 1024 up: ${option}. Or allow it: AmbientCapabilities=CAP_NET_BIND_SERVICE in a unit of systemd, or sysctl net.ipv4.ip_unprivileged_port_start=${error.port}`,
        );
      }
      return make(`this user may not use ${where || error.message}`, 'Check owner and mode with `ls -l`.');
    case 'ENOSPC':
      return make(`the disk is full${where === '' ? '' : ` (${where})`}`, 'Free some space and try again.');
    case 'ECONNREFUSED':
      return make(`nothing listens on ${where}`, 'Is the server running, and is the port right?', exitCodes.network);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return make(
        `the name ${error.hostname ?? where} has no address`,
        'Check the spelling, and your connection.',
        exitCodes.network,
      );
    case 'ETIMEDOUT':
      return make(
        `${where || 'the other side'} did not answer in time`,
        'Is a firewall in between?',
        exitCodes.network,
      );
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return make(`${where} can't be reached from here`, 'Check your connection.', exitCodes.network);
    case 'ECONNRESET':
    case 'EPIPE':
      return make('the other side cut the connection', 'Try again; look into its log.', exitCodes.network);
    default: {
      // Node's parsers of HTTP.
      if (/^(HPE|ERR_HTTP2?)_/.test(error.code))
        return make(
          `what the other side sent is no HTTP: ${error.message}`,
          'The TLS connection stood; is it another protocol that is spoken inside?',
          exitCodes.network,
        );
      const text = `${error.message} (${error.code})`;
      return error.syscall === undefined
        ? new CliError(`something went wrong inside handfast:\n${error.stack}`, {
            exitCode: exitCodes.internal,
            cause: error,
          })
        : make(text, 'The system refused it.');
    }
  }
}
