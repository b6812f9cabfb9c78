import { createReadStream, type Stats } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import type { Handler, Request, Response } from './secure-server.ts';
import { endWith } from './secure-server.ts';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.htm': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
  '.md': 'text/markdown; charset=utf-8',
  '.xml': 'application/xml',
  '.xhtml': 'application/xhtml+xml',
  '.webmanifest': 'application/manifest+json',
  '.csv': 'text/csv; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.avif': 'image/avif',
  '.ico': 'image/x-icon',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
  '.ttf': 'font/ttf',
  '.otf': 'font/otf',
  '.wasm': 'application/wasm',
  '.pdf': 'application/pdf',
  '.mp4': 'video/mp4',
  '.webm': 'video/webm',
  '.mp3': 'audio/mpeg',
  '.ogg': 'audio/ogg',
  '.wav': 'audio/wav',
  '.zip': 'application/zip',
  '.gz': 'application/gzip',
  '.tar': 'application/x-tar',
  '.pem': 'application/x-pem-file',
  '.crt': 'application/pkix-cert',
};

/** Serves the files of a folder: GET and HEAD, ranges, conditional requests; nothing hidden, nothing outside it. */
export async function fileHandler(folder: string, listings: boolean): Promise<Handler> {
  const root = await realpath(folder);
  return (request, response) => {
    serve(root, listings, request, response).catch((error: NodeJS.ErrnoException) => {
      if (response.headersSent) response.destroy();
      else if (error.code === 'EACCES') plain(response, 403, 'this file may not be read');
      else plain(response, 500, 'the file could not be read');
    });
  };
}

async function serve(root: string, listings: boolean, request: Request, response: Response): Promise<void> {
  const { method } = request;
  response.setHeader('x-content-type-options', 'nosniff');
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return plain(response, 405, 'this server only takes GET and HEAD');
  }
  const path = pathOf(request.url ?? '/');
  if (path === undefined) return plain(response, 400, 'this path is malformed');
  const found = await find(root, path);
  if (found === undefined) return plain(response, 404, `${path} is not here`);
  if (found.info.isDirectory()) {
    if (!path.endsWith('/')) {
      // A name that begins with two slashes would lead to another host.
      response.setHeader('location', `${encodePath(path).replace(/^\/+/, '/')}/`);
      return plain(response, 301, 'it is a folder');
    }
    const index = await find(root, `${path}index.html`);
    if (index?.info.isFile() === true) return sendFile(index, request, response);
    return listings ? sendListing(found.path, path, request, response) : plain(response, 404, `${path} is not here`);
  }
  // Links of the page would count from a folder that is none.
  if (!found.info.isFile() || path.endsWith('/')) return plain(response, 404, `${path} is not here`);
  return sendFile(found, request, response);
}

/** The decoded path of a URL, or `undefined` for one with parts that no file has. */
export function pathOf(url: string): string | undefined {
  let path = url.replace(/^https?:\/\/[^/]*/i, '').replace(/[?#].*$/s, '') || '/';
  try {
    path = decodeURIComponent(path);
  } catch {
    return undefined;
  }
  if (!path.startsWith('/') || path.includes('\0') || path.includes('\\')) return undefined;
  return path;
}

interface Found {
  readonly path: string;
  readonly info: Stats;
}

async function find(root: string, path: string): Promise<Found | undefined> {
  const parts = path.split('/').filter((part) => part !== '');
  // Hidden files (.git, .env) are nobody's business; .well-known is meant to be read.
  if (parts.some((part) => part === '..' || (part.startsWith('.') && part !== '.well-known'))) return undefined;
  try {
    const real = await realpath(join(root, ...parts));
    if (real !== root && !real.startsWith(root.endsWith(sep) ? root : root + sep)) return undefined;
    return { path: real, info: await stat(real) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG' || code === 'ELOOP') return undefined;
    throw error;
  }
}

async function sendFile({ path, info }: Found, request: Request, response: Response): Promise<void> {
  const etag = `"${info.size.toString(36)}-${Math.floor(info.mtimeMs).toString(36)}"`;
  response.setHeader('etag', etag);
  response.setHeader('last-modified', info.mtime.toUTCString());
  response.setHeader('content-type', types[extname(path).toLowerCase()] ?? 'application/octet-stream');
  response.setHeader('accept-ranges', 'bytes');
  response.setHeader('cache-control', 'no-cache');
  if (isOutdated(request, etag, info.mtimeMs)) return plain(response, 412, 'the file is another one by now');
  if (isNotModified(request, etag, info.mtimeMs)) {
    response.statusCode = 304;
    return endWith(response, '');
  }
  const range = rangeOf(request, info.size, etag);
  if (range === 'unsatisfiable') {
    response.setHeader('content-range', `bytes */${info.size}`);
    return plain(response, 416, 'this range is outside the file');
  }
  const [start, end] = range ?? [0, info.size - 1];
  response.statusCode = range === undefined ? 200 : 206;
  if (range !== undefined) response.setHeader('content-range', `bytes ${start}-${end}/${info.size}`);
  const length = Math.max(0, end - start + 1);
  response.setHeader('content-length', String(length));
  if (request.method === 'HEAD' || info.size === 0) return endWith(response, '');
  const file = await open(path, 'r');
  const stream = createReadStream(path, { fd: file, start, end, highWaterMark: 256 * 1024 });
  stream.on('error', () => response.destroy());
  // A file that was cut in the meantime: without this the client would wait for the rest.
  stream.on('end', () => {
    if (stream.bytesRead < length) response.destroy();
  });
  (response as NodeJS.WritableStream).on('close', () => stream.destroy());
  stream.pipe(response as NodeJS.WritableStream);
}

/** If-Match and If-Unmodified-Since: "the origin server MUST NOT perform the requested method" (RFC 9110, Section 13.1.1). */
function isOutdated(request: Request, etag: string, modified: number): boolean {
  const { 'if-match': match, 'if-unmodified-since': unmodified } = request.headers;
  if (match !== undefined) return match !== '*' && !match.split(',').some((tag) => tag.trim() === etag);
  const since = Date.parse(unmodified ?? '');
  return !Number.isNaN(since) && Math.floor(modified / 1000) * 1000 > since;
}

function isNotModified(request: Request, etag: string, modified: number): boolean {
  const match = request.headers['if-none-match'];
  if (match !== undefined)
    return match === '*' || match.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
  const since = Date.parse(request.headers['if-modified-since'] ?? '');
  return !Number.isNaN(since) && Math.floor(modified / 1000) * 1000 <= since;
}

/** One range; several are answered with the whole file, as RFC 9110 allows. */
function rangeOf(request: Request, size: number, etag: string): [number, number] | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '');
  const condition = request.headers['if-range'];
  if (match === null || (match[1] === '' && match[2] === '') || (condition !== undefined && condition !== etag))
    return undefined;
  const [first, last] = [match[1] as string, match[2] as string];
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== '' && last !== '' && Number(last) < start) return undefined;
  return start >= size || (first === '' && Number(last) === 0) ? 'unsatisfiable' : [start, end];
}

async function sendListing(folder: string, path: string, request: Request, response: Response): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries
    .filter((entry) => !entry.name.startsWith('.'))
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .sort((a, b) => Number(b.endsWith('/')) - Number(a.endsWith('/')) || a.localeCompare(b));
  if (path !== '/') names.unshift('../');
  const items = names.map((name) => `<li><a href="./${encodePath(name)}">${escapeHtml(name)}</a></li>`).join('\n');
  const title = escapeHtml(path);
  const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<style>body{font:16px/1.6 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}ul{list-style:none;padding:0}</style></head>
<body><h1>${title}</h1><ul>
${items}
</ul></body></html>
`;
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.setHeader('content-length', String(Buffer.byteLength(page)));
  endWith(response, request.method === 'HEAD' ? '' : page);
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

export function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] as string);
}

function plain(response: Response, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  endWith(response, `${text}\n`);
}
