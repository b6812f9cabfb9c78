import https from 'node:https';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import Koa from 'koa';
import { assert, ca, cert, done, key, listening } from './kit.mjs';

const ask = (port) =>
  new Promise((resolve, reject) =>
    https
      .get({ host: '127.0.0.1', port, servername: 'localhost', ca, agent: false }, async (response) => {
        let text = '';
        for await (const chunk of response) text += chunk;
        resolve(text);
      })
      .on('error', reject),
  );
const koa = new Koa();
koa.use((context) => {
  context.body = `koa ${context.protocol} ${context.secure}`;
});
assert.equal(await ask(await listening(https.createServer({ key, cert }, koa.callback()))), 'koa https true');
const hono = new Hono();
hono.get('/', (context) => context.text(`hono ${new URL(context.req.url).protocol}`));
const port = await new Promise((resolve) => {
  serve(
    {
      fetch: hono.fetch,
      createServer: https.createServer,
      serverOptions: { key, cert },
      port: 0,
      hostname: '127.0.0.1',
    },
    (info) => resolve(info.port),
  );
});
assert.equal(await ask(port), 'hono https:');
done();
