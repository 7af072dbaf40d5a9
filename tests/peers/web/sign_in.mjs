// Signs in to the panel at the page of an OpenID Connect provider, as people do and as thieves would;
// prints what went wrong as a JSON list.
// Argument: a file with { web, provider }.
import { readFile } from 'node:fs/promises';
import { launch, open, picture, violations } from './browser.mjs';

const house = JSON.parse(await readFile(process.argv[2], 'utf8'));
const faults = [];
const check = (holds, words) => { if (!holds) faults.push(words); };
const isIn = (page) => page.locator('form[action="/sign-out"]').count().then((n) => n > 0);
const isRefused = (page) => page.locator('[role=alert], .note.bad').count().then((n) => n > 0);

/// From the panel's page through the provider's pages and back; returns the address that led back.
/// `before`: done at the provider's last page.
async function go(page, who, before = async () => {}) {
  let back = '';
  page.on('request', (request) => {
    if (request.url().includes('/sign-in/oidc/back')) back = request.url();
  });
  await page.goto(`${house.web}/log`);
  await page.click('a[href^="/sign-in/oidc"]');
  check(page.url().startsWith(house.provider), `${who}: not at the provider, but at ${page.url()}`);
  await page.fill('input[name=login]', who);
  await page.fill('input[name=password]', 'any');
  await page.click('button[type=submit]');
  // What it may tell us is asked once more.
  await page.waitForLoadState('load');
  await before();
  await page.click('button[type=submit]');
  await page.waitForURL(`${house.web}/**`);
  await page.waitForLoadState('load');
  return back;
}

async function people(browser) {
  const page = await open(browser, {});
  const back = await go(page, 'alice');
  check(await isIn(page), 'alice is not in');
  check(page.url() === `${house.web}/log`, `alice is at ${page.url()}`);
  check((await page.content()).includes('alice@example.org'), 'she is somebody else');
  const cookies = await page.context().cookies(house.web);
  const own = cookies.filter((one) => one.name.includes('quaranta'));
  check(own.length === 1 && own[0].name === '__Host-quaranta', `cookies: ${own.map((one) => one.name)}`);
  // A code that was used, in the same browser and in another.
  await page.goto(back);
  check(!(await isIn(page)) && (await isRefused(page)), 'a used code is taken');
  const other = await open(browser, {});
  await other.goto(back);
  check(!(await isIn(other)), "a used code is taken in a stranger's browser");
}

/// Somebody who sends a victim to the end of their own sign-in.
async function lured(browser) {
  const thief = await open(browser, {});
  // Their own browser comes back without its cookie, so that the code stays unused.
  const stolen = await go(thief, 'bob', () => thief.context().clearCookies({ name: /away/ }));
  check(stolen.includes('code=') && !(await isIn(thief)), 'a sign-in without its cookie is taken');
  const victim = await open(browser, {});
  await victim.goto(stolen);
  check(!(await isIn(victim)) && (await isRefused(victim)), 'a sign-in that another began is taken');
  // With a sign-in of their own under way, too.
  await victim.goto(`${house.web}/sign-in`);
  await victim.click('a[href^="/sign-in/oidc"]');
  await victim.goto(stolen);
  check(!(await isIn(victim)), "another's state is taken");
}

async function refused(browser) {
  for (const [who, why] of [
    ['eve', 'an address that is not verified'],
    ['carol', "an address of a domain that is not the provider's"],
    ['mallory', 'an address that is not of ours'],
  ]) {
    const page = await open(browser, {});
    await go(page, who);
    check(!(await isIn(page)) && (await isRefused(page)), `${why} is let in`);
  }
  const page = await open(browser, {});
  await page.goto(`${house.web}/sign-in/oidc/back?error=access_denied&state=x`);
  check(await isRefused(page), 'who changed their mind is told nothing');
  await page.goto(`${house.web}/sign-in?next=//evil.example/`);
  const link = await page.getAttribute('a[href^="/sign-in/oidc"]', 'href');
  check(!link.includes('evil'), `it leads elsewhere: ${link}`);
}

async function looks(browser) {
  for (const [scheme, size] of [['light', 'desktop'], ['dark', 'phone']]) {
    const page = await open(browser, { scheme, size });
    await page.goto(`${house.web}/sign-in`);
    for (const found of await violations(page)) faults.push(`${scheme}: ${found}`);
    await picture(page, `sign-in-oidc-${scheme}-${size}`);
    await page.goto(`${house.web}/sign-in/oidc/back?error=access_denied`);
    await picture(page, `sign-in-oidc-refused-${scheme}-${size}`);
  }
}

const browser = await launch({});
try {
  for (const part of [people, lured, refused, looks]) {
    await part(browser).catch((error) => faults.push(`${part.name}: ${error.message}`));
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(faults));
