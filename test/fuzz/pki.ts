/**
 * Fuzzes every decoder of src/pki, and the verifier: bytes are changed, and whole DER elements removed, doubled, moved or
 * given another tag, with the lengths around them made right again.
 *
 *     npx tsx test/fuzz/pki.ts [--rounds=100000] [--seed=1] [decoder …]
 *
 * What counts as a crash: an error that is not of this stack's family, and a changed input that a verification accepts. Inputs that crashed once are kept in
 * test/vectors/pki/crashes and run first.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { equal } from '../../src/bytes/bytes.ts';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { createKeyFileCrypto } from '../../src/crypto/node-key-files.ts';
import { TlsError } from '../../src/errors.ts';
import {
  buildCertificateList,
  buildCertificateRequest,
  buildOcspResponse,
  checkOcspResponse,
  createTrustAnchors,
  decodePem,
  decodePrivateKey,
  encodeCertId,
  encodeName,
  encodeOcspRequest,
  encodePem,
  encodePkcs12,
  encodePrivateKey,
  extension,
  formatGeneralName,
  ipRange,
  openPkcs12,
  parseCertificate,
  parseCertificateList,
  parseCertificateRequest,
  parseOcspRequest,
  parseOcspResponse,
  parseSctList,
  verifyChain,
} from '../../src/pki/index.ts';
import { randomFrom } from '../pki/differential/cases.ts';
import { dns, now, testCertificate, testKey } from '../pki/support.ts';
import { mutateBytes, mutateTree } from './mutate-der.ts';

interface Target {
  readonly seeds: readonly Uint8Array[];
  run(input: Uint8Array): void;
}

const crypto = createNodeCrypto();
const files = createKeyFileCrypto();

/** Every decoder with inputs that it accepts. */
export async function fuzzTargets(): Promise<Readonly<Record<string, Target>>> {
  const root = { name: 'Fuzz Root', key: testKey() };
  const inter = { name: 'Fuzz CA', key: testKey() };
  const key = testKey();
  const pkcs8 = new Uint8Array(key.privateKey.export({ type: 'pkcs8', format: 'der' }));
  const rootDer = await testCertificate({ ...root, issuer: root, ca: true });
  const interDer = await testCertificate({
    ...inter,
    issuer: root,
    ca: true,
    pathLength: 1,
    more: [
      extension.nameConstraints([
        ...dns('example.com'),
        ipRange('192.0.2.0/24'),
        { kind: 'email', value: '.example.com' },
      ]),
      extension.certificatePolicies('2.23.140.1.2.1', '2.5.29.32.0'),
      extension.crlDistributionPoints('http://crl.example/1.crl'),
      extension.authorityInfoAccess({ ocsp: ['http://ocsp.example/'] }),
    ],
  });
  const leafDer = await testCertificate({
    name: 'leaf',
    key,
    issuer: inter,
    names: [...dns('www.example.com', '*.example.com'), { kind: 'ip', value: Uint8Array.of(192, 0, 2, 1) }],
    more: [extension.certificatePolicies('2.23.140.1.2.1'), extension.mustStaple()],
  });
  const leaf = parseCertificate(leafDer);
  const issuer = parseCertificate(interDer);
  const crl = await buildCertificateList(
    {
      issuer: issuer.subject,
      thisUpdate: now,
      nextUpdate: now + 1000,
      crlNumber: 5,
      authorityKeyIdentifier: inter.key.keyId,
      revoked: [{ serialNumber: Uint8Array.of(5), revocationDate: now, reason: 'superseded' }],
      distributionPoint: { only: 'users' },
    },
    inter.key,
  );
  const certId = encodeCertId(leaf.serialNumber, issuer, crypto);
  const ocsp = await buildOcspResponse(
    {
      responder: { name: issuer.subject },
      producedAt: now,
      responses: [
        {
          certId,
          status: { kind: 'good' },
          thisUpdate: now,
          nextUpdate: now + 1000,
        },
      ],
      certificates: [leafDer],
      nonce: new Uint8Array(16),
    },
    inter.key,
  );
  const request = await buildCertificateRequest(
    {
      subject: encodeName([
        ['CN', 'x'],
        ['O', 'Ä'],
      ]),
      spki: key.spki,
      extensions: [extension.subjectAltName(dns('a.example'))],
    },
    key,
  );
  const anchors = createTrustAnchors([rootDer]);
  const common = { anchors, now, profile: 'server', name: 'www.example.com', crypto } as const;
  const text = (input: Uint8Array) => Buffer.from(input).toString('latin1');
  const cheap = { iterations: 2, derivation: 'pbkdf2' } as const;

  return {
    certificate: {
      seeds: [rootDer, interDer, leafDer],
      run: (input) => {
        const certificate = parseCertificate(input);
        String(certificate);
        void (certificate.subjectKey + certificate.issuerKey);
        certificate.decoded.subjectAltName?.map(formatGeneralName);
        void certificate.publicKeyInfo;
      },
    },
    anchor: { seeds: [rootDer], run: (input) => void createTrustAnchors([input]) },
    request: { seeds: [request], run: (input) => void parseCertificateRequest(input) },
    crl: { seeds: [crl], run: (input) => void parseCertificateList(input).find(Uint8Array.of(5)) },
    ocspResponse: {
      seeds: [ocsp],
      run: (input) => {
        parseOcspResponse(input);
        checkOcspResponse({ response: input, certificate: leaf, issuer, now, crypto });
      },
    },
    ocspRequest: {
      seeds: [encodeOcspRequest([certId], new Uint8Array(32))],
      run: (input) => void parseOcspRequest(input),
    },
    pem: {
      seeds: [Buffer.from(encodePem('CERTIFICATE', leafDer) + encodePem('PRIVATE KEY', pkcs8))],
      run: (input) => {
        try {
          decodePem(text(input));
        } catch (error) {
          if (!(error instanceof SyntaxError)) throw error;
        }
      },
    },
    privateKey: {
      seeds: [pkcs8, new Uint8Array(key.privateKey.export({ type: 'sec1', format: 'der' }))],
      run: (input) => void decodePrivateKey(input, { passphrase: 'x', crypto: bounded }),
    },
    encryptedKey: {
      seeds: [decodePem(encodePrivateKey(pkcs8, { passphrase: 'x', crypto: files, ...cheap }))[0]?.bytes as Uint8Array],
      run: (input) => void decodePrivateKey(input, { passphrase: 'x', crypto: bounded }),
    },
    pkcs12: {
      seeds: [encodePkcs12({ key: pkcs8, certificates: [leafDer] }, 'x', files, cheap)],
      run: (input) => void openPkcs12(input, 'x', bounded),
    },
    scts: {
      seeds: [Uint8Array.from([0, 51, 0, 49, ...new Array<number>(41).fill(0), 0, 0, 4, 3, 0, 2, 1, 2])],
      run: (input) => void parseSctList(input),
    },
    chain: {
      seeds: [leafDer],
      run: (input) => {
        const verdict = verifyChain({ ...common, chain: [input, interDer], ocspResponse: ocsp });
        // What the CA did not sign is not accepted.
        if (verdict.ok !== equal(input, leafDer))
          throw new Error(verdict.ok ? 'a changed certificate is accepted' : verdict.error.message);
      },
    },
    intermediate: {
      seeds: [interDer],
      run: (input) => {
        const verdict = verifyChain({
          ...common,
          chain: [leafDer, input],
          ocspResponse: ocsp,
          policy: { certificatePolicies: ['2.23.140.1.2.1'] },
        });
        if (verdict.ok !== equal(input, interDer))
          throw new Error(verdict.ok ? 'a changed CA is accepted' : verdict.error.message);
      },
    },
    chainCrl: {
      seeds: [crl],
      run: (input) => {
        const verdict = verifyChain({
          ...common,
          chain: [leafDer, interDer],
          ocspResponse: ocsp,
          crls: [input],
          policy: { crls: 'leaf' },
        });
        if (verdict.ok && !equal(input, crl)) throw new Error('a changed list is accepted');
      },
    },
  };
}

// Costs that a mutation made large are the limits' business, not the fuzzer's time.
const bounded = {
  ...files,
  pbkdf2: (...[hash, password, salt, iterations, size]: Parameters<typeof files.pbkdf2>) =>
    files.pbkdf2(hash, password, salt, Math.min(iterations, 10), size),
  scrypt: (...[password, salt, , size]: Parameters<typeof files.scrypt>) =>
    files.scrypt(password, salt, { n: 2, r: 1, p: 1 }, size),
  hash: (...[name, data]: Parameters<typeof files.hash>) => {
    if (++bounded.hashes > 200_000)
      throw new TlsError('ERR_TLS_KEY_FILE', 'internalError', 'enough hashes for a round');
    return files.hash(name, data);
  },
  hashes: 0,
};

export interface Crash {
  readonly target: string;
  readonly input: Uint8Array;
  readonly error: unknown;
}

/** Runs a target on mutated inputs. Returns how many were accepted, and what crashed. */
export function fuzz(
  name: string,
  target: Target,
  rounds: number,
  seed: number,
): { accepted: number; crashes: Crash[] } {
  const random = randomFrom(seed);
  const crashes: Crash[] = [];
  let accepted = 0;
  const attempt = (input: Uint8Array): void => {
    bounded.hashes = 0;
    try {
      target.run(input);
      accepted++;
    } catch (error) {
      if (!(error instanceof TlsError)) crashes.push({ target: name, input, error });
    }
  };
  for (const input of [...target.seeds, ...knownCrashes(name)]) attempt(input);
  for (let i = 0; i < rounds && crashes.length < 10; i++) {
    let input = target.seeds[random(target.seeds.length)] as Uint8Array;
    for (let n = 1 + random(3); n > 0; n--)
      input = random(3) === 0 || input.length > 32_768 ? mutateBytes(input, random) : mutateTree(input, random);
    attempt(input);
  }
  return { accepted, crashes };
}

function knownCrashes(name: string): Uint8Array[] {
  const folder = new URL('../vectors/pki/crashes/', import.meta.url);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.startsWith(`${name}-`))
    .map((file) => new Uint8Array(Buffer.from(readFileSync(new URL(file, folder), 'utf8'), 'base64')));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const option = (name: string, otherwise: number): number =>
    Number(process.argv.find((word) => word.startsWith(`--${name}=`))?.split('=')[1] ?? otherwise);
  const wanted = process.argv.slice(2).filter((word) => !word.startsWith('--'));
  for (const [name, target] of Object.entries(await fuzzTargets())) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const rounds = option('rounds', 100_000);
    const before = performance.now();
    const { accepted, crashes } = fuzz(name, target, rounds, option('seed', 1));
    console.log(
      `${name.padEnd(14)} ${rounds} inputs, ${accepted} accepted, ${crashes.length} crashes, ${((performance.now() - before) / 1000).toFixed(1)} s`,
    );
    for (const { input, error } of crashes) console.log(error, Buffer.from(input).toString('base64'));
  }
}
