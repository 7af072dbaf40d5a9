// Chromium for the tests of pages: launch it, open a page, take pictures, ask axe-core.
import { createRequire } from 'node:module';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? path.join(here, '../../../target');
const modules = createRequire(path.join(path.resolve(target), 'peers/web/package.json'));
const { chromium } = modules('playwright-core');

// Whatever Chromium does for itself at other hosts is no part of a test.
const QUIET = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-domain-reliability',
  '--disable-sync',
  '--no-first-run',
  '--no-pings',
  '--disable-features=Translate,MediaRouter,OptimizationHints,AutofillServerCommunication,CertificateTransparencyComponentUpdater',
];

/// The hosts that Chromium asks for itself in spite of all that: they do not exist.
const ITS_OWN = ['*.googleapis.com', '*.google.com', '*.gstatic.com', '*.gvt1.com'];

/// Starts Chromium. `port`: every host name leads to this port on loopback, whatever port
/// the address names. `together`: frames of other sites share a process, which is faster.
export async function launch({ port, together = false } = {}) {
  const args = [...QUIET];
  const rules = ITS_OWN.map((host) => `MAP ${host} ~NOTFOUND`);
  if (port) rules.push(`MAP * 127.0.0.1:${port}`);
  args.push(`--host-resolver-rules=${rules.join(', ')}`);
  if (together) args.push('--disable-site-isolation-trials');
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    // Its sandbox asks for rights that root in a container does not have.
    chromiumSandbox: process.getuid() !== 0,
    args,
  });
}

export const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } };

/// Opens a page in a context of its own. `size`: a key of SIZES; `scheme`: light or dark;
/// `scripts`: false to see the page without them. Faults of the page's own scripts and
/// refused resources are collected in `page.faults`.
export async function open(browser, { size = 'desktop', scheme = 'light', scripts = true, ...more } = {}) {
  const context = await browser.newContext({
    viewport: SIZES[size],
    colorScheme: scheme,
    javaScriptEnabled: scripts,
    ignoreHTTPSErrors: true,
    ...more,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(`error: ${error.message}`));
  page.on('console', (line) => {
    if (line.type() === 'error') page.faults.push(`console: ${line.text()}`);
  });
  return page;
}

/// Where pictures are kept, to be looked at.
export const PICTURES = path.join(path.resolve(target), 'peers/web/pictures');

/// Takes a picture of the whole page: PICTURES/NAME.png.
export async function picture(page, name) {
  await mkdir(PICTURES, { recursive: true });
  await page.screenshot({ path: path.join(PICTURES, `${name}.png`), fullPage: true });
}

/// What axe-core finds against WCAG 2 A and AA, as lines; `least`: the least impact told.
export async function violations(page, least = ['serious', 'critical']) {
  const source = await readFile(modules.resolve('axe-core/axe.min.js'), 'utf8');
  // Not as a script element: the page's own policy would refuse it.
  await page.evaluate(source);
  const found = await page.evaluate(async () => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const result = await globalThis.axe.run(document, { runOnly: { type: 'tag', values: tags } });
    return result.violations;
  });
  return found
    .filter((one) => least.includes(one.impact))
    .map((one) => `${one.impact} ${one.id}: ${one.nodes.map((node) => node.target.join(' ')).join(', ')}`);
}
