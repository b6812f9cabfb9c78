import type { ConnectionInfo, GroupName } from '../../index.ts';

/** `good`: as it should be. `bad`: somebody can exploit it, or clients refuse it. `weak`: worse than needed. */
export type Verdict = 'good' | 'bad' | 'weak' | 'info' | 'unknown';

export interface Finding {
  readonly section: 'versions' | 'certificate' | 'extensions' | 'resumption';
  readonly check: string;
  readonly verdict: Verdict;
  readonly summary: string;
}

export interface VersionSurvey {
  readonly version: 0x0303 | 0x0304;
  /** In the order in which the server takes them. */
  readonly cipherSuites: readonly string[];
  readonly groups: readonly GroupName[];
  readonly info: ConnectionInfo;
}
