import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createNodeCrypto } from '../../crypto/node.ts';
import { createKeyFileCrypto } from '../../crypto/node-key-files.ts';
import { type Credential, localSigner } from '../../index.ts';
import { openPkcs12, parseCertificate } from '../../pki/index.ts';
import type { Option } from '../command.ts';
import { CliError, usageError } from '../errors.ts';
import { loadCredential, readPassphrase } from '../server/local-authority.ts';

/** The options by which a client shows a certificate. */
export const credentialOptions = {
  cert: { value: 'FILE', help: 'client certificate: PEM, or PKCS#12 (.p12) with its key' },
  key: { value: 'FILE', help: 'its private key (PEM)' },
  'passphrase-file': {
    value: 'FILE',
    help: 'file with the passphrase of an encrypted key or PKCS#12 file (or HANDFAST_PASSPHRASE)',
  },
} as const satisfies Record<string, Option>;

/** What was given for them; `undefined` where no certificate is to be shown. */
export async function clientCredential(values: {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly 'passphrase-file'?: string | undefined;
}): Promise<Credential | undefined> {
  const { cert, key } = values;
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined) throw usageError('--cert and --key belong together: --cert is missing');
  const passphrase = await readPassphrase(values['passphrase-file']);
  if (key === undefined) {
    const content = await readFile(cert);
    if (content[0] === 0x30) return fromPkcs12(cert, content, passphrase ?? '');
    throw usageError('--cert and --key belong together: --key is missing', 'Only a PKCS#12 file holds both.');
  }
  const { credential } = await loadCredential(createNodeCrypto(), cert, key, { passphrase });
  return { ...credential, serverNames: undefined } as Credential;
}

function fromPkcs12(file: string, content: Uint8Array, passphrase: string): Credential {
  const { keys, certificates } = openedPkcs12(file, content, passphrase);
  const crypto = createNodeCrypto();
  const [key] = keys;
  if (key === undefined) throw new CliError(`${file} holds no private key`);
  const pair = createPrivateKey({ key: Buffer.from(key.der), format: 'der', type: 'pkcs8' });
  const signing = crypto.importPrivateKey(new Uint8Array(pair.export({ format: 'der', type: 'pkcs8' })));
  const chain = certificates.map(({ der }) => der);
  const leaf = chain.find((der) => Buffer.compare(parseCertificate(der).spki, signing.publicKey) === 0);
  if (leaf === undefined) throw new CliError(`no certificate in ${file} belongs to its key`);
  return { chain: [leaf, ...chain.filter((der) => der !== leaf)], signer: localSigner(signing) };
}

function openedPkcs12(file: string, content: Uint8Array, passphrase: string): ReturnType<typeof openPkcs12> {
  try {
    return openPkcs12(content, passphrase, createKeyFileCrypto());
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code !== 'ERR_TLS_PASSPHRASE') throw new CliError(`${file}: ${message}`, { cause: error });
    throw new CliError(`the passphrase of ${file} is wrong or missing`, {
      hint: 'Put it into a file of its own: --passphrase-file FILE, or into HANDFAST_PASSPHRASE',
      cause: error,
    });
  }
}
