/** Certificates with known faults, signed by the test authority of `test/fixtures/pki` through OpenSSL. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testIdentity } from '../../helpers/pki.ts';

export const certificateNames = [
  'good',
  'rsa',
  'expired',
  'incomplete',
  'disordered',
  'otherName',
  'selfSigned',
  'sha1',
  'rsa1024',
] as const;
export type CertificateName = (typeof certificateNames)[number];

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
}

const day = 86_400_000;
const asn1Time = (time: number) => `${new Date(time).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;

/** Makes one in the folder. */
export function makeCertificate(folder: string, name: CertificateName): Pair {
  const [cert, key, request] = ['crt', 'key', 'csr'].map((end) => join(folder, `${name}.${end}`)) as [
    string,
    string,
    string,
  ];
  const rsa = name === 'rsa' || name === 'sha1' || name === 'rsa1024';
  const algorithm = rsa
    ? ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${name === 'rsa1024' ? 1024 : 2048}`]
    : ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-pkeyopt', 'ec_param_enc:named_curve'];
  openssl('genpkey', ...algorithm, '-out', key);
  const names = name === 'otherName' ? 'DNS:other.test' : 'DNS:localhost,DNS:other.test';
  const extensions = join(folder, `${name}.ext`);
  writeFileSync(
    extensions,
    `basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature${rsa ? ',keyEncipherment' : ''}
extendedKeyUsage=serverAuth
subjectAltName=${names}
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
`,
  );
  if (name === 'selfSigned') {
    const words = ['-subj', '/CN=localhost', '-addext', `subjectAltName=${names}`, '-days', '90', '-out', cert];
    openssl('req', '-new', '-x509', '-key', key, ...words);
    return { cert, key };
  }
  openssl('req', '-new', '-key', key, '-subj', '/CN=localhost', '-out', request);
  const { issuerFile } = testIdentity(rsa ? 'rsa' : 'ecdsa-p256');
  const config = join(folder, `${name}.cnf`);
  for (const [file, text] of [
    [`${name}.index`, ''],
    [`${name}.serial`, `40${randomBytes(14).toString('hex')}\n`],
  ] as const)
    writeFileSync(join(folder, file), text);
  writeFileSync(
    config,
    `[ca]\ndefault_ca=main\n[main]\ndatabase=${folder}/${name}.index\nserial=${folder}/${name}.serial\nnew_certs_dir=${folder}\npolicy=any\n[any]\ncommonName=supplied\n`,
  );
  const [from, to] = name === 'expired' ? [-100, -10] : [-1, 89];
  openssl(
    ...['ca', '-batch', '-config', config, '-in', request, '-cert', issuerFile],
    ...['-keyfile', issuerFile.replace(/crt$/, 'key'), '-md', name === 'sha1' ? 'sha1' : 'sha256', '-notext'],
    ...['-startdate', asn1Time(Date.now() + from * day), '-enddate', asn1Time(Date.now() + to * day)],
    ...['-extfile', extensions, '-out', cert],
  );
  const [leaf, issuer] = [readFileSync(cert, 'utf8'), readFileSync(issuerFile, 'utf8')];
  if (name === 'disordered') writeFileSync(cert, leaf + leaf + issuer);
  else if (name !== 'incomplete') writeFileSync(cert, leaf + issuer);
  return { cert, key };
}
