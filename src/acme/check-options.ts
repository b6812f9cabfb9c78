/** What the ACME server is opened with, looked at first: a `ConfigError` says what to give instead. */
import {
  bound,
  callable,
  check,
  checkOptions,
  fields,
  flag,
  having,
  list,
  named,
  notNegative,
  type Rules,
  text,
  whole,
} from '../bytes/check.ts';
import type { AcmeLimits, ExternalAccounts } from './context.ts';
import type { AcmeServiceOptions } from './service.ts';
import type { ChallengeType } from './state.ts';
import type { ValidatorOptions } from './validators.ts';

const count = whole(1, Number.MAX_SAFE_INTEGER);
const port = whole(1, 65_535);
const limits: Rules<AcmeLimits> = {
  identifiers: count,
  openOrders: count,
  validations: count,
  accounts: bound,
  accountsPerHour: bound,
};
const accounts: Rules<ExternalAccounts> = { required: flag, key: callable };
const validators: Rules<Record<ChallengeType, unknown>> = {
  'http-01': callable,
  'dns-01': callable,
  'tls-alpn-01': callable,
};
const validation: Rules<ValidatorOptions> = {
  resolver: having(['addresses', 'txt'], 'an AcmeResolver, such as systemResolver()'),
  httpPort: port,
  tlsPort: port,
  timeout: whole(1, 2 ** 31 - 1),
  mayConnect: callable,
};
const authority = having(['issue', 'ocsp'], 'an Authority: await openAuthority({ folder })');

const service: Rules<AcmeServiceOptions> = {
  ca: authority,
  folder: text,
  baseUrl: text,
  validation: named(validation),
  validators: named(validators),
  externalAccounts: named(accounts),
  termsOfService: text,
  website: text,
  profiles: list(text),
  limits: named(limits),
  retryDelays: list(notNegative),
  onError: callable,
  compactFrom: count,
};

export function checkServiceOptions(options: AcmeServiceOptions): void {
  checkOptions(options, 'the options of openAcmeService', service, ['ca', 'folder', 'baseUrl']);
}

export function checkValidatorOptions(options: ValidatorOptions): void {
  checkOptions(options, 'the options of networkValidators', validation);
}

/** What a listener serves. */
export function checkService(value: unknown, name: string): void {
  check(having(['handle'], 'an AcmeService: await openAcmeService(…)'), value, name);
}

/** What is published is an authority's. */
export function checkPublished(value: unknown, name: string): void {
  authority(fields(value, name)['ca'], `${name}.ca`);
}
