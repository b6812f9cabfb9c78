import type { ResumptionPeer } from '../kinds.ts';
import { chromium } from './chromium.ts';
import { curl } from './curl.ts';
import { gnutls } from './gnutls.ts';
import { go } from './go.ts';
import { haproxy } from './haproxy.ts';
import { java } from './java.ts';
import { nginx } from './nginx.ts';
import { nodeTls } from './node-tls.ts';
import { openssl } from './openssl.ts';

/** Every peer, in the order of the table. */
export const peers: readonly ResumptionPeer[] = [openssl, gnutls, go, java, nodeTls, curl, nginx, haproxy, chromium];
