// Uses the panel as people do, in every role; prints what went wrong as a JSON list.
// Argument: a file with { web, accounts: { login: password }, delivered, pages: { login: [path] } }.
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { launch, open, picture, violations } from './browser.mjs';

const house = JSON.parse(await readFile(process.argv[2], 'utf8'));
const faults = [];
const check = (holds, words) => { if (!holds) faults.push(words); };

async function enter(browser, login, how = {}) {
  const page = await open(browser, how);
  await page.goto(`${house.web}/`);
  check(page.url().includes('/sign-in'), `${login}: a stranger is not asked to sign in`);
  await page.fill('#login', login);
  await page.fill('#password', house.accounts[login]);
  await page.click('button.main');
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
  await page.waitForLoadState('load');
  return page;
}

/// Waits for mail at the destination; false if none comes.
async function arrives(address, words) {
  const dir = path.join(house.delivered, address, 'new');
  for (let tries = 0; tries < 600; tries += 1) {
    for (const name of await readdir(dir).catch(() => [])) {
      if ((await readFile(path.join(dir, name), 'utf8')).includes(words)) return true;
    }
    await new Promise((later) => setTimeout(later, 100));
  }
  return false;
}

const subjects = (page) => page.locator('a.subject').allTextContents();
const row = (page, subject) => page.locator('tbody tr', { hasText: subject });
/// Presses what leads to another page, and waits until it is there.
const leave = (page, button) => Promise.all([page.waitForEvent('framenavigated'), button.click()]);
const said = (page) => page.locator('.note[role=status]').innerText();

/// A user looks, searches, opens, releases and removes.
async function user(browser) {
  const page = await enter(browser, 'alice@example.org');
  await page.goto(`${house.web}/quarantine`);
  const all = await subjects(page);
  check(all.includes('Panel one') && all.includes('Panel two'), `her mail is not listed: ${all}`);
  check(!all.includes('Panel for bob'), "another's mail is listed");
  await page.fill('#q', 'panel two');
  await page.press('#q', 'Enter');
  // A script swaps the list.
  await row(page, 'Panel one').waitFor({ state: 'detached' });
  check(String(await subjects(page)) === 'Panel two', 'the search finds something else');
  await page.goto(`${house.web}/quarantine?q=nothing-like-it`);
  check(await page.locator('.empty').isVisible(), 'a search in vain shows rows');
  await page.goto(`${house.web}/quarantine`);
  await row(page, 'Panel one').locator('input[name=id]').check();
  await page.click('button[value=release]');
  check((await said(page)).startsWith('1 '), 'a release is not told');
  check(await arrives('alice@example.org', 'Subject: Panel one'), 'what was released does not arrive');
  await page.goto(`${house.web}/log?subject=panel&status=released`);
  check((await page.locator('tbody tr').count()) === 1, 'the log does not show the release');
  check(page.faults.length === 0, `faults of the pages: ${page.faults}`);
  return page;
}

/// The same without scripts, from the message's own page.
async function without_scripts(browser) {
  const page = await enter(browser, 'alice@example.org', { scripts: false });
  await page.goto(`${house.web}/quarantine`);
  await row(page, 'Panel two').locator('a.subject').click();
  await page.waitForURL('**/entries/*');
  const frame = page.frameLocator('iframe.preview');
  check((await frame.locator('body').innerText()).includes('Hello from the preview'), 'no preview');
  check((await page.locator('iframe.preview').getAttribute('sandbox')) === '', 'the preview is not sandboxed');
  for (const tab of ['text', 'headers', 'raw', 'history']) {
    await page.goto(page.url().replace(/\?.*|$/, `?tab=${tab}`));
    check(await page.locator('h1').isVisible(), `no page for ${tab}`);
  }
  check((await page.locator('tbody').first().innerText()).includes('quarantined'), 'no history');
  await page.click('button[value=remove]');
  check((await said(page)).startsWith('1 '), 'a removal is not told');
}

/// What is another's is not there, and what comes from elsewhere does nothing.
async function strangers(browser) {
  const page = await enter(browser, 'alice@example.org');
  for (const part of ['', '/preview', '/message.eml']) {
    const answer = await page.request.get(`${house.web}/entries/${house.bobs}${part}`);
    check(answer.status() === 404, `another's entry${part} is ${answer.status()}`);
  }
  const forged = { id: house.bobs, verb: 'remove' };
  const act = (form, headers) =>
    page.request.post(`${house.web}/quarantine/act`, { form, headers, maxRedirects: 0 });
  check((await act(forged)).status() === 403, 'a form without its token is taken');
  const token = await page.locator('input[name=csrf]').first().inputValue();
  const cross = await act({ ...forged, csrf: token }, { origin: 'https://evil.example' });
  check(cross.status() === 403, 'a form of another site is taken');
  await act({ ...forged, csrf: token });
  const bob = await enter(browser, 'bob@example.org');
  await bob.goto(`${house.web}/quarantine`);
  check((await subjects(bob)).includes('Panel for bob'), "another's message was removed");
  const cookies = await page.context().cookies();
  check(cookies.filter((one) => one.httpOnly && one.sameSite === 'Lax').length === 1, 'the cookie is open');
  await leave(page, page.locator('form[action="/sign-out"] button'));
  await page.context().addCookies(cookies);
  await page.goto(`${house.web}/quarantine`);
  check(page.url().includes('/sign-in'), 'a session goes on after signing out');
}

/// From the row of the log, by whom the whole house is looked after.
async function from_the_log(browser) {
  const page = await enter(browser, 'global');
  await page.goto(`${house.web}/log?subject=bob&status=quarantined`);
  const line = row(page, 'Panel for bob');
  await line.locator('select[name=verb]').selectOption('release_and_train');
  await line.locator('button').click();
  check((await said(page)).startsWith('1 '), 'an action from the log is not told');
  check(await arrives('bob@example.org', 'Subject: Panel for bob'), 'a release from the log does not arrive');
  const csv = await page.request.get(`${house.web}/log.csv?subject=bob`);
  check((await csv.text()).includes('released-and-trained'), 'the export lacks the release');
}

/// Helpdesk and auditor read, and can do nothing: not by what is shown, and not by a made-up form.
async function readers(browser) {
  for (const login of ['carol@example.org', 'dave@example.org']) {
    const page = await enter(browser, login);
    await page.locator('form[action="/act-as"] select').selectOption({ index: 0 }).catch(() => {});
    await leave(page, page.locator('form[action="/act-as"] button').first());
    await page.goto(`${house.web}/quarantine`);
    const listed = await subjects(page);
    check(listed.includes('Panel three'), `${login} does not see the domain's mail: ${listed}`);
    check((await page.locator('.bar button').count()) === 0, `${login} is offered actions`);
    const id = await row(page, 'Panel three').locator('a.subject').getAttribute('href');
    await page.goto(`${house.web}${id}`);
    check((await page.locator('iframe').count()) === 0, `${login} sees the content`);
    check((await page.request.get(`${house.web}${id}/message.eml`)).status() === 403, `${login} downloads`);
    const csrf = await page.locator('input[name=csrf]').first().inputValue();
    const form = { id: id.split('/').pop(), verb: 'remove', csrf };
    await page.request.post(`${house.web}/quarantine/act`, { form });
    await page.goto(`${house.web}/quarantine`);
    check((await subjects(page)).includes('Panel three'), `${login} removed a message`);
  }
}

/// Every page in both colours and on both sizes: axe-core finds nothing serious.
async function every_page(browser) {
  for (const [login, pages] of Object.entries(house.pages)) {
    for (const [scheme, size] of [['light', 'desktop'], ['dark', 'phone']]) {
      const page = await enter(browser, login, { scheme, size });
      for (const place of pages) {
        const answer = await page.goto(`${house.web}${place}`);
        const name = `${login.replace('@', '-at-')}${place.replace(/[^a-z0-9]+/g, '-')}-${scheme}-${size}`;
        check(answer.status() === 200, `${name}: ${answer.status()}`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
        check(!wide, `${name}: wider than the window`);
        for (const found of await violations(page)) faults.push(`${name}: ${found}`);
        await picture(page, name);
      }
      await page.context().close();
    }
  }
}

const browser = await launch({});
try {
  for (const part of [user, without_scripts, strangers, from_the_log, readers, every_page]) {
    await part(browser).catch((error) => faults.push(`${part.name}: ${error.message}`));
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(faults));
