// The mocha suite inside of the extension host, as VS Code's own smoke tests do it: the page is told by its address what
// to run, and calls two functions back, one with the console's lines and one at the end.

const LIMIT_MS = 300_000;

/** True if all tests passed. */
export async function runHostTests({ page, url, workspace, extension }) {
  const remote = (path) => `vscode-remote://${new URL(url).host}${path}`;
  const payload = [
    ["extensionDevelopmentPath", remote(extension)],
    ["extensionTestsPath", remote(`${extension}/out/test/index.js`)],
  ];
  let exit;
  const exited = new Promise((resolve, reject) => {
    exit = resolve;
    setTimeout(() => reject(new Error("the tests did not end in time")), LIMIT_MS).unref();
  });
  await page.exposeFunction("codeAutomationLog", (type, args) => process.env.VERBOSE && console.error(type, ...args));
  await page.exposeFunction("codeAutomationExit", (code) => exit(code));
  const query = new URLSearchParams({ folder: workspace, payload: JSON.stringify(payload) });
  await page.goto(`${url}/?${query}`);
  return (await exited) === 0;
}
