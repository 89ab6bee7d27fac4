// A real VS Code without a display: its server from the code-server package, its page in a headless Chromium.
// Both are ended whatever happens, with everything they started.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

export const SERVER = "node_modules/code-server/lib/vscode/out/server-main.js";
const START_MS = 60_000;
const END_MS = 5_000;

const running = new Set();
process.on("exit", () => running.forEach((server) => signal(server, "SIGKILL")));
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, () => process.exit(1));

/**
 * Runs `use({ page, url })` and ends everything afterwards.
 * cache: where code-server is installed. home: an empty folder for the editor's data.
 * extensions: a folder that VSIX files were installed into. size: of the window, in pixels.
 */
export async function withVSCode({ cache, node, home, extensions, env, size, settings, args = [] }, use) {
  const data = join(home, "data");
  await mkdir(join(data, "data", "Machine"), { recursive: true });
  await writeFile(join(data, "data", "Machine", "settings.json"), JSON.stringify(settings ?? {}));
  const server = spawn(
    node,
    [
      join(cache, SERVER),
      ...["--host", "127.0.0.1", "--port", "0", "--without-connection-token", "--accept-server-license-terms"],
      ...["--server-data-dir", data, "--extensions-dir", extensions, "--telemetry-level", "off", ...args],
    ],
    // A group of its own, so that language servers and their sandboxes end with it.
    {
      env: { ...process.env, HOME: home, TMPDIR: home, XDG_RUNTIME_DIR: home, ...env },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  running.add(server);
  let browser;
  try {
    const url = await address(server);
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"],
    });
    const context = await browser.newContext({
      viewport: size,
      deviceScaleFactor: 1,
      permissions: ["clipboard-read", "clipboard-write"],
    });
    return await use({ page: await context.newPage(), url });
  } finally {
    await browser?.close();
    await end(server);
    running.delete(server);
  }
}

async function address(server) {
  server.stderr.on("data", (text) => process.env.VERBOSE && process.stderr.write(text));
  const lines = createInterface({ input: server.stdout });
  const found = new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      if (process.env.VERBOSE) console.error(line);
      const match = /Web UI available at (\S+)/.exec(line);
      if (match) resolve(match[1]);
    });
    server.once("exit", (code) => reject(new Error(`VS Code's server ended with ${code}`)));
    setTimeout(() => reject(new Error("VS Code's server did not start in time")), START_MS).unref();
  });
  return found;
}

async function end(server) {
  if (server.exitCode !== null) return;
  const ended = once(server, "exit");
  signal(server, "SIGTERM");
  const timer = setTimeout(() => signal(server, "SIGKILL"), END_MS);
  await ended;
  clearTimeout(timer);
  signal(server, "SIGKILL");
}

function signal(server, name) {
  try {
    process.kill(-server.pid, name);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}
