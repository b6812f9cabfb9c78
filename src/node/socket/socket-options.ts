import { validateBoolean, validateFunction, validateString } from '../base/node-errors.ts';
import { convertALPNProtocols } from '../context/alpn.ts';
import { createSecureContext, invalidContext, SecureContextObject } from '../context/secure-context.ts';
import type { TlsSocketOptions } from './tls-types.ts';

/** The options of a socket as it keeps them: checked, and its protocols in the form of the wire. */
export function checkedOptions(given: TlsSocketOptions): TlsSocketOptions {
  const options: TlsSocketOptions = { ...given };
  if (options.enableTrace != null) validateBoolean(options.enableTrace, 'options.enableTrace');
  // A server has converted its own: as they are, they tell that the engine's options made for it fit.
  if (options.ALPNProtocols && options.ALPNProtocols !== options.server?.ALPNProtocols)
    convertALPNProtocols(options.ALPNProtocols, options as { ALPNProtocols?: Buffer });
  if (options.ALPNProtocols && !ArrayBuffer.isView(options.ALPNProtocols))
    throw new TypeError('Must give a Buffer as first argument');
  if (options.isServer) {
    if (options.ALPNCallback) validateFunction(options.ALPNCallback, 'options.ALPNCallback');
    if (options.SNICallback) validateFunction(options.SNICallback, 'options.SNICallback');
  }
  if (options.pskCallback) validateFunction(options.pskCallback, 'pskCallback');
  if (options.pskIdentityHint) validateString(options.pskIdentityHint, 'options.pskIdentityHint');
  return options;
}

/** The context of a socket: the one that it was given, or one of its options. */
export function contextOf(options: TlsSocketOptions): SecureContextObject {
  const context = options.secureContext || options.credentials || createSecureContext(options);
  if (!(context instanceof SecureContextObject)) throw invalidContext('context');
  return context;
}
