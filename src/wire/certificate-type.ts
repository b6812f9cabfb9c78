/** Certificate types (IANA TLS Certificate Types), by their names in camelCase; of 1 (OpenPGP) and 3 nothing is known here. */
export const certificateTypes = { x509: 0, rawPublicKey: 2 } as const;

/** What a peer shows in its Certificate message: a chain of X.509 certificates, or its bare key (RFC 7250). */
export type CertificateType = keyof typeof certificateTypes;
