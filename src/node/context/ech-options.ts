/** Encrypted Client Hello (RFC 9849) in the options of the shell. */
import type { ClientEchOptions, EchKey } from '../../engine/config.ts';
import { createEchKey as createKey, listEchConfig, type NewEchKey, serverEchKeys } from '../../engine/ech-key.ts';
import { nodeCrypto } from '../base/key-signer.ts';
import { invalidArgType, nodeError, validateBuffer, validateObject, validateString } from '../base/node-errors.ts';
import { bytesOf } from './context-files.ts';
import { readEchPem, writeEchPem } from './ech-file.ts';

/** What `createEchKey` makes: an element of `echKeys`, with what its clients are told. */
export interface CreatedEchKey extends EchKey {
  /** The config in an ECHConfigList: for `echConfigList`, and in Base64 for `ech=` of an HTTPS record (RFC 9848). */
  readonly configList: Buffer;
  /** Key and configList as a file (RFC 9934), which `echKeys` takes, too. It holds the private key. */
  readonly pem: string;
}

/** Makes a key for the option `echKeys`. The server needs a certificate for `publicName`, the name that is seen. */
export function createEchKey(options: NewEchKey): CreatedEchKey {
  validateObject(options, 'options');
  validateString(options.publicName, 'options.publicName');
  const key = createKey(nodeCrypto(), options);
  const configList = Buffer.from(listEchConfig(key.config));
  return {
    config: Buffer.from(key.config),
    privateKey: Buffer.from(key.privateKey),
    configList,
    pem: writeEchPem(key),
  };
}

/** The option `echKeys`: copies, checked at once. */
export function readEchKeys(keys: unknown): EchKey[] {
  if (!Array.isArray(keys)) throw invalidArgType('options.echKeys', 'Array', keys);
  const read = keys.flatMap((key: unknown, i): EchKey | EchKey[] => {
    const name = `options.echKeys[${i}]`;
    if (typeof key === 'string' || Buffer.isBuffer(key)) return readPem(key.toString(), name);
    validateObject(key, name);
    const { config, privateKey, retry } = key as Partial<EchKey>;
    validateBuffer(config, `${name}.config`);
    // Its value is for no message.
    if (!ArrayBuffer.isView(privateKey)) throw badKeys(`${name}.privateKey is no Buffer`);
    return {
      config: new Uint8Array(bytesOf(config)),
      privateKey: new Uint8Array(bytesOf(privateKey)),
      retry: retry !== false,
    };
  });
  try {
    for (const { keyPair } of serverEchKeys(nodeCrypto(), read)) keyPair.destroy();
  } catch (error) {
    throw badKeys(`options.${(error as Error).message}`, error);
  }
  return read;
}

function readPem(text: string, name: string): EchKey[] {
  try {
    return readEchPem(text);
  } catch (error) {
    throw badKeys(`${name}: ${(error as Error).message}`, error);
  }
}

function badKeys(problem: string, cause?: unknown): Error {
  return nodeError('ERR_INVALID_ARG_VALUE', problem, TypeError, cause);
}

/** What a client says of it in its options. */
export interface ClientEchGiven {
  /**
   * Client: encrypts the ClientHello to the server of this ECHConfigList (RFC 9849). A server that cannot decrypt it makes
   * an error `ERR_SSL_ECH_REQUIRED`, whose `echRetryConfigs` holds the list to try instead, if there is one.
   */
  echConfigList?: Uint8Array | undefined;
  /** Client: `false` shows the name rather than fail where no config of the list can be used. */
  echRequired?: boolean | undefined;
  /** Client: a ClientHello that is not encrypted pretends to be. */
  echGrease?: boolean | undefined;
}

/** The options of a client, for the engine. */
export function clientEch({ echConfigList, echRequired, echGrease }: ClientEchGiven): ClientEchOptions {
  return {
    ...(echConfigList && { configList: new Uint8Array(bytesOf(echConfigList)) }),
    ...(echRequired === undefined ? {} : { required: echRequired }),
    grease: echGrease === true,
  };
}
