// Shows every hostile message in a real browser as the panel does, and sees what it does.
// Usage: node sanitiser.mjs FOLDER   (with the corpus.json that tests/peers_web.rs makes)
//
// First the control: the same HTML untouched and without a policy must be seen running,
// fetching and leaving its frame, or this test could not fail. Then the documents: no request
// but for the documents themselves, no code, no navigation, no element that is not known.
import http from 'node:http';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { launch, open, picture, violations } from './browser.mjs';

const folder = process.argv[2];
const corpus = JSON.parse(await readFile(path.join(folder, 'corpus.json'), 'utf8'));
const BATCH = 30;
// Time for what comes late: refreshes, preloads, animations.
const SETTLE = 500;

/// Every request that reaches us: host and path.
const seen = [];
const pages = new Map();
const PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

const server = http.createServer((request, response) => {
  const where = `${request.headers.host}${request.url}`;
  const page = pages.get(where);
  seen.push(where);
  if (page) {
    response.writeHead(200, page.fields);
    response.end(page.body);
  } else {
    response.writeHead(200, { 'Content-Type': 'image/gif' });
    response.end(PIXEL);
  }
});
server.on('upgrade', (request, socket) => {
  seen.push(`${request.headers.host}${request.url}`);
  socket.destroy();
});
// TLS to us is a fetch as well.
server.on('clientError', (error, socket) => {
  if (error.code?.startsWith('HPE_')) seen.push('something that is not HTTP');
  socket.destroy();
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));

function put(where, body, fields = { 'Content-Type': 'text/html; charset=utf-8' }) {
  pages.set(where, { body, fields });
}

/// A page of the panel with a frame for each document.
function panel(where, frames) {
  const body = `<!DOCTYPE html><html lang="en"><title>Panel</title><link rel="icon" href="data:,"><main><h1>Messages</h1>${frames.join('')}</main></html>`;
  const fields = {
    'Content-Type': 'text/html; charset=utf-8',
    'Set-Cookie': 'session=secret; Path=/; SameSite=Lax; HttpOnly',
  };
  put(where, body, fields);
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
const faults = [];
const fault = (text) => faults.push(text);

const port = server.address().port;
let browser;

/// Opens one page with frames; gives what was requested, what ran, and where all frames are.
async function visit(where, { patient = SETTLE, ...look } = {}) {
  const page = await open(browser, look);
  const ran = [];
  await page.exposeBinding('__ran', (source, what) => ran.push(`${what} in ${source.frame.url()}`));
  await page.addInitScript(() => {
    for (const name of ['alert', 'confirm', 'prompt', 'print']) {
      globalThis[name] = () => globalThis.__ran(name);
    }
  });
  page.on('dialog', async (dialog) => {
    ran.push(`dialog ${dialog.message()}`);
    await dialog.dismiss();
  });
  page.on('popup', (popup) => ran.push(`window ${popup.url()}`));
  page.on('download', (download) => ran.push(`download ${download.url()}`));
  const from = seen.length;
  await page.goto(`http://${where}`, { waitUntil: 'load', timeout: 60_000 }).catch((error) => ran.push(`load ${error.message}`));
  await page.waitForTimeout(patient);
  const requests = seen.slice(from);
  return { page, ran, requests, frames: page.frames().map((frame) => frame.url()) };
}

function batches(list) {
  const out = [];
  for (let at = 0; at < list.length; at += BATCH) out.push(list.slice(at, at + BATCH));
  return out;
}

/// The corpus as it came, each on a host of its own so that it cannot disturb the others.
async function control() {
  const alive = new Set();
  const ways = { ran: new Set(), fetched: new Set(), left: new Set() };
  for (const [number, batch] of batches(corpus).entries()) {
    const frames = batch.map((one) => {
      put(`${one.name}.test/raw`, Buffer.from(one.raw, 'base64'), { 'Content-Type': `text/html; charset=${one.charset}` });
      return `<iframe title="${one.name}" src="http://${one.name}.test/raw"></iframe>`;
    });
    panel(`control.test/${number}`, frames);
    const result = await visit(`control.test/${number}`, { patient: 1500 });
    for (const one of batch) {
      const home = `//${one.name}.test/raw`;
      if (result.ran.some((line) => line.includes(home))) ways.ran.add(one.name);
      if (result.requests.some((where) => where.startsWith('evil.test/') && where.includes(one.name))) ways.fetched.add(one.name);
      if (result.frames.some((url) => url.startsWith('http://evil.test/') && url.includes(one.name))) ways.left.add(one.name);
    }
    await result.page.context().close();
  }
  for (const names of Object.values(ways)) for (const name of names) alive.add(name);
  return { alive, ways };
}

/// The documents, in frames as the panel has them.
async function documents() {
  for (const [number, batch] of batches(corpus).entries()) {
    const where = `panel.test/page/${number}`;
    const allowed = new Map([[where, 1]]);
    const frames = batch.map((one) => {
      const at = `panel.test/doc/${one.name}`;
      put(at, one.document, one.fields);
      allowed.set(at, 1);
      return `<iframe title="${one.name}" sandbox="${escaped(one.sandbox)}" referrerpolicy="no-referrer" src="/doc/${one.name}"></iframe>`;
    });
    panel(where, frames);
    const result = await visit(where);
    for (const request of result.requests) {
      const left = allowed.get(request) ?? 0;
      if (left === 0) fault(`requested: ${request}`);
      allowed.set(request, left - 1);
    }
    for (const [request, left] of allowed) if (left > 0) fault(`never shown: ${request}`);
    for (const line of result.ran) fault(`ran: ${line}`);
    const expected = [`http://${where}`, ...batch.map((one) => `http://panel.test/doc/${one.name}`)];
    if (JSON.stringify(result.frames) !== JSON.stringify(expected)) fault(`frames moved: ${result.frames.join(' ')}`);
    // A refused resource or script would be something that tried: nothing may even try.
    for (const line of result.page.faults) fault(`tried: ${line}`);
    await judge(result.page, batch);
    if (number === 0) {
      await picture(result.page, 'documents');
      for (const line of await violations(result.page)) fault(`axe: ${line}`);
    }
    await result.page.context().close();
  }
}

/// Reads each document with the browser's own parser.
async function judge(page, batch) {
  const found = await page.evaluate((documents) => {
    const elements = new Set(('html head body meta title style b strong i em u s strike del ins small big sub sup code kbd samp var tt q cite abbr span font mark '
      + 'p div center blockquote pre h1 h2 h3 h4 h5 h6 ul ol li dl dt dd address section article header footer main nav aside figure figcaption '
      + 'table caption thead tbody tfoot tr td th br hr wbr img').split(' '));
    const attributes = new Set('charset name content title dir class align valign bgcolor color size width colspan rowspan border cellpadding cellspacing start type value alt src'.split(' '));
    const faults = [];
    for (const { name, document: text } of documents) {
      const parsed = new DOMParser().parseFromString(text, 'text/html');
      for (const element of parsed.querySelectorAll('*')) {
        if (!elements.has(element.localName) || element.namespaceURI !== 'http://www.w3.org/1999/xhtml') faults.push(`${name}: element ${element.localName}`);
        for (const attribute of element.attributes) {
          if (!attributes.has(attribute.name)) faults.push(`${name}: attribute ${attribute.name}`);
          if (attribute.name === 'src' && !/^data:image\/(png|jpeg|gif|webp);base64,/.test(attribute.value)) faults.push(`${name}: source ${attribute.value}`);
        }
      }
      if (parsed.querySelectorAll('style, meta').length !== 3) faults.push(`${name}: styles or metas`);
      if (parsed.compatMode !== 'CSS1Compat') faults.push(`${name}: quirks`);
    }
    return faults;
  }, batch);
  for (const line of found) fault(line);
}

/// Layer behind layer: the untouched HTML in the same frame with the same fields can do nothing
/// either, so that a hole in the sanitiser alone is not enough.
async function behind(alive) {
  const policy = corpus[0].fields;
  for (const [number, batch] of batches(corpus.filter((one) => alive.has(one.name))).entries()) {
    const where = `behind.test/page/${number}`;
    const own = new Set([where]);
    const frames = batch.map((one) => {
      put(`behind.test/doc/${one.name}`, Buffer.from(one.raw, 'base64'), { ...policy, 'Content-Type': `text/html; charset=${one.charset}` });
      own.add(`behind.test/doc/${one.name}`);
      return `<iframe title="${one.name}" sandbox="${escaped(one.sandbox)}" referrerpolicy="no-referrer" src="/doc/${one.name}"></iframe>`;
    });
    panel(where, frames);
    const result = await visit(where);
    for (const line of result.ran) fault(`ran behind the policy: ${line}`);
    if (result.page.url() !== `http://${where}`) fault(`the panel left for ${result.page.url()}`);
    for (const request of result.requests) {
      if (!own.has(request)) fault(`requested behind the policy: ${request}`);
    }
    await result.page.context().close();
  }
}

/// The images of a message are shown without a request, on light and dark ground.
async function images() {
  const one = corpus.find((each) => each.name === 'letter');
  for (const scheme of ['light', 'dark']) {
    const frame = '<iframe title="x" sandbox="" src="/doc/letter" style="width:100%;height:600px"></iframe>';
    panel('panel.test/letter', [frame]);
    const { page, requests } = await visit('panel.test/letter', { scheme, size: 'phone' });
    if (requests.length !== 2) fault(`the letter made requests: ${requests.join(' ')}`);
    const widths = await page.frames()[1].evaluate(() => [...document.images].map((image) => image.naturalWidth));
    if (widths.join() !== '1') fault(`images of the letter: ${widths.join()}`);
    await picture(page, `letter-${scheme}`);
    await page.context().close();
  }
  // axe-core needs scripts: it sees the same page without its policy.
  put('panel.test/plain', one.document);
  for (const scheme of ['light', 'dark']) {
    const page = await open(browser, { scheme });
    await page.goto('http://panel.test/plain');
    const found = await violations(page);
    for (const line of found.filter((line) => !line.includes('html-has-lang'))) fault(`axe in the letter: ${line}`);
    await page.context().close();
  }
}

browser = await launch({ port, together: true });
const { alive, ways } = await control();
await browser.close();
browser = await launch({ port });
await documents();
await behind(alive);
await images();
await browser.close();
server.close();

const counts = Object.fromEntries(Object.entries(ways).map(([way, names]) => [way, names.size]));
console.log(JSON.stringify({ documents: corpus.length, alive: alive.size, ...counts, faults }, null, 1));
process.exit(faults.length === 0 ? 0 : 1);
