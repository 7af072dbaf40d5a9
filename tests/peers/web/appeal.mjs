// A sender asks for a refused message in a browser, by work instead of the picture; prints what went
// wrong as a JSON list. Arguments: the link in the refusal.
import { launch, open, violations } from './browser.mjs';

const [link] = process.argv.slice(2);
const faults = [];
const check = (holds, words) => { if (!holds) faults.push(words); };

const browser = await launch();
try {
  for (const how of [{ size: 'desktop' }, { size: 'phone', scheme: 'dark' }]) {
    const page = await open(browser, how);
    await page.goto(link);
    for (const one of await violations(page)) faults.push(`axe: ${JSON.stringify(one)}`);
    const shown = await page.locator('.picture').evaluate((picture) => picture.naturalWidth);
    check(shown === 300, 'the picture is not shown');
    faults.push(...page.faults);
  }
  const plain = await open(browser, { scripts: false });
  await plain.goto(link);
  check(!(await plain.locator('[data-work]').isVisible()), 'work is offered without scripts');
  await plain.fill('#characters', 'wrong');
  await plain.click('button.main');
  await plain.waitForSelector('.note.bad');

  const page = await open(browser);
  await page.goto(link);
  await page.fill('#words', 'it is our invoice');
  await page.click('[data-work] button');
  await page.waitForSelector('[data-work] [role=status]:text("Solved")');
  await Promise.all([page.waitForEvent('framenavigated'), page.click('button.main')]);
  const said = await page.innerText('h1');
  check(said === 'Your request was passed on', `it was said: ${said}`);
  faults.push(...page.faults);
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(faults));
