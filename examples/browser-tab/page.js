import { createHttpsClient } from './https-in-tab.js';

const output = document.querySelector('output');

function show(text) {
  output.textContent += `${text}\n`;
}

const { serverName, roots } = await (await fetch('/settings')).json();
const { get } = createHttpsClient({ bridge: `ws://${location.host}/bridge`, serverName, roots });
try {
  for (let i = 0; i < 3; i++) {
    const { statusLine, body, cipherSuiteName, group, resumed, handshakeMs } = await get('/');
    const kind = resumed ? 'resumed' : 'full handshake';
    show(`${statusLine}: ${kind}, ${cipherSuiteName}, ${group}, ${handshakeMs.toFixed(0)} ms`);
    document.querySelector('pre').textContent = body;
  }
  show('done');
} catch (error) {
  show(`failed: ${error.code ?? error.name}: ${error.message}`);
}
