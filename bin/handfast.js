#!/usr/bin/env node
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`handfast needs Node 20.19 or later; this is ${process.version}. See https://nodejs.org/`);
  process.exit(3);
}
const { main } = await import('../dist/cli/main.js').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  console.error(`handfast is not built yet (${error.message}).\nRun \`npm install\` in its folder first.`);
  process.exit(3);
});
process.exitCode = await main(process.argv.slice(2));
