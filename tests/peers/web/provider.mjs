// A certified OpenID Connect provider (npm oidc-provider) on loopback, with TLS. Its people sign in
// by any password; what it says of them is in ABOUT.
// Argument: a file with { port, cert, key, client_id, client_secret, back, in_token }. Prints a line when ready.
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import https from 'node:https';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? path.join(here, '../../../target');
const modules = createRequire(path.join(path.resolve(target), 'peers/web/package.json'));
const { default: Provider } = await import(pathToFileURL(modules.resolve('oidc-provider')));
const how = JSON.parse(await readFile(process.argv[2], 'utf8'));

const ABOUT = {
  alice: { email: 'alice@example.org', email_verified: true },
  bob: { email: 'bob@example.org', email_verified: true },
  eve: { email: 'alice@example.org', email_verified: false },
  carol: { email: 'carol@other.org', email_verified: true },
  mallory: { email: 'mallory@nowhere.test', email_verified: true },
};

const provider = new Provider(`https://localhost:${how.port}`, {
  clients: [{
    client_id: how.client_id,
    client_secret: how.client_secret,
    redirect_uris: [how.back],
    grant_types: ['authorization_code'],
    response_types: ['code'],
  }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  // By the book, a token that comes by a code does not hold them: they are asked for.
  conformIdTokenClaims: !how.in_token,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...ABOUT[id] }) }),
  cookies: { keys: ['for this test alone'] },
});

const pem = (file) => readFile(file);
const server = https.createServer({ cert: await pem(how.cert), key: await pem(how.key) }, provider.callback());
server.listen(how.port, '127.0.0.1', () => console.log('ready'));
