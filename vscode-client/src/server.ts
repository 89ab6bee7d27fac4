/**
 * Where the language server is: the setting, the selected Python environment, the PATH; in that order.
 * Nothing of an untrusted workspace is executed, so its environments do not count there.
 */
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import { promisify } from "node:util";
import { PVSC_EXTENSION_ID, PythonExtension } from "@vscode/python-extension";
import * as vscode from "vscode";
import { UserError } from "./errors";

export interface Server {
  readonly command: string;
  readonly args: readonly string[];
  /** Where it was found, for people. */
  readonly origin: string;
}

const WINDOWS = process.platform === "win32";
const PROBE_MS = 10_000;

/** The server to start, or undefined if there is none. Throws UserError if the setting names no program. */
export async function findServer(): Promise<Server | undefined> {
  return (await fromSetting()) ?? (await fromEnvironment()) ?? (await fromPath());
}

/** The interpreter of the selected environment; undefined if there is none or the workspace is not trusted. */
export async function selectedPython(): Promise<string | undefined> {
  if (!vscode.workspace.isTrusted) {
    return undefined;
  }
  const folder = vscode.workspace.workspaceFolders?.[0];
  if (vscode.extensions.getExtension(PVSC_EXTENSION_ID)) {
    const { environments } = await PythonExtension.api();
    const active = environments.getActiveEnvironmentPath(folder?.uri);
    return (await environments.resolveEnvironment(active))?.executable.uri?.fsPath;
  }
  const configured = vscode.workspace.getConfiguration("python", folder).get<string>("defaultInterpreterPath");
  const local = folder && join(folder.uri.fsPath, ".venv", WINDOWS ? "Scripts/python.exe" : "bin/python");
  for (const path of [configured && expand(configured, folder), local]) {
    if (path && isAbsolute(path) && (await isExecutable(path))) {
      return path;
    }
  }
  return undefined;
}

/** Calls back when another environment is selected in the Python extension, where there is one. */
export async function onDidSelectPython(callback: () => void): Promise<vscode.Disposable | undefined> {
  if (!vscode.extensions.getExtension(PVSC_EXTENSION_ID)) {
    return undefined;
  }
  return (await PythonExtension.api()).environments.onDidChangeActiveEnvironmentPath(callback);
}

async function fromSetting(): Promise<Server | undefined> {
  const folder = vscode.workspace.workspaceFolders?.[0];
  const setting = vscode.workspace.getConfiguration("editloop").get<string>("path", "").trim();
  if (!setting) {
    return undefined;
  }
  const path = expand(setting, folder);
  if (!isAbsolute(path) || !(await isExecutable(path))) {
    throw new UserError(`The setting editloop.path names no program: ${path}`);
  }
  return { command: path, args: ["serve"], origin: "setting editloop.path" };
}

async function fromEnvironment(): Promise<Server | undefined> {
  const python = await selectedPython();
  // -P keeps the working directory off sys.path: a folder named editloop in the workspace is not the server.
  const find = "import importlib.util, sys; sys.exit(importlib.util.find_spec('editloop_lsp') is None)";
  if (!python || !(await succeeds(python, ["-P", "-c", find]))) {
    return undefined;
  }
  return { command: python, args: ["-P", "-m", "editloop", "serve"], origin: `environment of ${python}` };
}

async function fromPath(): Promise<Server | undefined> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter).filter(isAbsolute)) {
    const path = join(folder, WINDOWS ? "editloop.exe" : "editloop");
    if (await isExecutable(path)) {
      return { command: path, args: ["serve"], origin: "PATH" };
    }
  }
  return undefined;
}

function expand(path: string, folder: vscode.WorkspaceFolder | undefined): string {
  return path
    .replace(/^~(?=$|[\\/])/, homedir())
    .replaceAll("${userHome}", homedir())
    .replaceAll("${workspaceFolder}", folder?.uri.fsPath ?? "");
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    async () => (await stat(path)).isFile(),
    () => false,
  );
}

async function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  return promisify(execFile)(command, args, { timeout: PROBE_MS, windowsHide: true }).then(
    () => true,
    () => false,
  );
}
