import type { Peer } from '../peer.ts';
import { chromium } from './chromium.ts';
import { curl } from './curl.ts';
import { gnutls } from './gnutls.ts';
import { go } from './go.ts';
import { haproxy } from './haproxy.ts';
import { java } from './java.ts';
import { nginx } from './nginx.ts';
import { nodeTls } from './node-tls.ts';
import { nss } from './nss.ts';
import { openssl } from './openssl.ts';
import { rustls } from './rustls.ts';

/** Every peer, in the order of the table. */
export const peers: readonly Peer[] = [openssl, gnutls, curl, nginx, haproxy, go, java, rustls, nss, chromium, nodeTls];
