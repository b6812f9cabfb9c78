/** The authorities that a context trusts. */
import { toHex } from '../../bytes/bytes.ts';
import { nameCertificate, subjectKeyOf } from '../../pki/certificate-file.ts';
import { nodeCrypto } from '../base/key-signer.ts';
import { warnOfCa } from '../context/context-files.ts';
import { defaultCa } from '../context/default-ca.ts';
import type { ContextState } from '../context/secure-context.ts';
import { digestOf, KnownCertificate } from './known-certificate.ts';

/** Trusted certificates, found by their subject. Each is read when it is asked for: of Node's 150 a process needs one or two. */
export class TrustStore {
  readonly #bySubject = new Map<string, Uint8Array[]>();
  /** Those whose subject can't be made out without OpenSSL. */
  readonly #unnamed: Uint8Array[] = [];
  readonly #digests = new Set<string>();
  readonly #read = new Map<Uint8Array, KnownCertificate | undefined>();

  /**
   * @param unreadable is told of what does not parse: as in OpenSSL's store, it can't be an issuer. With it, all are read at
   * once.
   */
  constructor(certificates: readonly Uint8Array[], unreadable?: (which: string) => void) {
    for (const [i, der] of certificates.entries()) {
      if (unreadable !== undefined && this.#certificate(der) === undefined) {
        unreadable(nameCertificate(der, i, certificates.length));
        continue;
      }
      const digest = digestOf(der);
      if (this.#digests.has(digest)) continue;
      this.#digests.add(digest);
      const subject = subjectKeyOf(der);
      const same = subject === undefined ? this.#unnamed : this.#bySubject.get(subject);
      if (same !== undefined) same.push(der);
      else this.#bySubject.set(subject as string, [der]);
    }
  }

  has({ digest }: KnownCertificate): boolean {
    return this.#digests.has(digest);
  }

  issuersOf({ x509, own }: KnownCertificate): KnownCertificate[] {
    const named = own === undefined ? [...this.#bySubject.values()].flat() : this.#bySubject.get(own.issuerKey);
    const issuers: KnownCertificate[] = [];
    for (const group of [named ?? [], this.#unnamed]) {
      for (const der of group) {
        const certificate = this.#certificate(der);
        if (certificate?.x509.subject === x509.issuer) issuers.push(certificate);
      }
    }
    return issuers;
  }

  #certificate(der: Uint8Array): KnownCertificate | undefined {
    if (!this.#read.has(der)) this.#read.set(der, readable(der));
    return this.#read.get(der);
  }
}

function readable(der: Uint8Array): KnownCertificate | undefined {
  try {
    return new KnownCertificate(der);
  } catch {
    return undefined;
  }
}

let defaultStore: { from: Uint8Array[]; store: TrustStore } | undefined;
const stores = new Map<string, TrustStore>();

/** The trust store of a context: made once for the default authorities, and once for equal `ca`. */
export function trustStoreOf(context: ContextState): TrustStore {
  const { ca } = context;
  if (ca === undefined) {
    const from = defaultCa();
    if (defaultStore?.from !== from) defaultStore = { from, store: new TrustStore(from) };
    return defaultStore.store;
  }
  let store = context.derived.get(TrustStore) as TrustStore | undefined;
  if (store !== undefined) return store;
  const hash = nodeCrypto().hash('sha256', Buffer.concat(ca));
  const key = toHex(hash);
  store = stores.get(key);
  if (store === undefined) {
    store = new TrustStore(ca, (which) => warnOfCa(`${which} is malformed`));
    if (stores.size >= 100) stores.delete(stores.keys().next().value as string);
    stores.set(key, store);
  }
  context.derived.set(TrustStore, store);
  return store;
}
