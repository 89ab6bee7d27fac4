/** The extension through VS Code's own API, in a trusted workspace, with the real server. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import * as vscode from "vscode";
import { applied, FIX_SCHEME } from "../../src/preview";
import type { Model, ServerStatus } from "../../src/protocol";
import { findServer } from "../../src/server";

const BROKEN = `def double(number):
    """Twice a number.

    >>> double(4), double(5)
    (8, 10)
    """
    return number + 2
`;
const FIXED = /return number (\* 2|\+ number)\n$/;
const HARD = `def secret(number):
    """
    >>> secret(1)
    'kqzvx'
    """
    total = 0
    for step in range(number):
        total += step * number
    return total
`;
const RAISING = "def total(values):\n    return sum(valeus)\n\n\nprint(total([1, 2]))\n";
const SYNTAX = "def half(number)\n    return number / 2\n";

const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? "";
const settings = () => vscode.workspace.getConfiguration("editloop");

/** Waits for what an event of the editor or the server brings about; the tests' time limit ends it. */
async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen !== undefined) {
      return seen;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function open(name: string, text: string): Promise<vscode.TextEditor> {
  const path = join(folder, name);
  await writeFile(path, text);
  const document = await vscode.workspace.openTextDocument(path);
  const whole = new vscode.Range(document.positionAt(0), document.positionAt(document.getText().length));
  const editor = await vscode.window.showTextDocument(document);
  // The file on disk may be newer than an open document of an earlier test.
  await editor.edit((edit) => edit.replace(whole, text));
  return editor;
}

function cursorTo(editor: vscode.TextEditor, text: string): void {
  const position = editor.document.positionAt(editor.document.getText().indexOf(text));
  editor.selection = new vscode.Selection(position, position);
}

async function actions(
  editor: vscode.TextEditor,
  kind: vscode.CodeActionKind,
  resolve = 0,
): Promise<vscode.CodeAction[]> {
  return vscode.commands.executeCommand(
    "vscode.executeCodeActionProvider",
    editor.document.uri,
    editor.selection,
    kind.value,
    resolve,
  );
}

const front = () => vscode.window.tabGroups.activeTabGroup.activeTab?.input;
const diffInFront = () => {
  const input = front();
  return input instanceof vscode.TabInputTextDiff && input.modified.scheme === FIX_SCHEME ? input : undefined;
};

describe("VS Code", () => {
  before(async () => {
    await vscode.extensions.getExtension("editloop.editloop")?.activate();
    await vscode.commands.executeCommand("editloop.status");
  });

  afterEach(async () => {
    await settings().update("preview", undefined, vscode.ConfigurationTarget.Workspace);
    await vscode.commands.executeCommand("workbench.action.revertAndCloseActiveEditor");
  });

  it("server found by the setting", async () => {
    strictEqual((await findServer())?.command, settings().get("path"));
  });

  it("errors while typing", async () => {
    const { document } = await open("syntax.py", SYNTAX);
    const found = await until(() => vscode.languages.getDiagnostics(document.uri)[0]);
    strictEqual(found.range.start.line, 0);
  });

  it("quick fix of a syntax error", async () => {
    const editor = await open("quick.py", SYNTAX);
    const { document } = editor;
    await until(() => vscode.languages.getDiagnostics(document.uri)[0]);
    cursorTo(editor, ")\n");
    const resolved = await until(async () =>
      (await actions(editor, vscode.CodeActionKind.QuickFix, 5)).find(
        ({ title, edit }) => title.endsWith("(editloop)") && edit,
      ),
    );
    ok(resolved.edit && (await vscode.workspace.applyEdit(resolved.edit)));
    strictEqual(document.getText(), SYNTAX.replace(")\n", "):\n"));
    await vscode.commands.executeCommand("undo");
    strictEqual(document.getText(), SYNTAX);
  });

  it("fix a function", async () => {
    const editor = await open("function.py", BROKEN);
    cursorTo(editor, "return");
    await vscode.commands.executeCommand("editloop.fixFunction");
    ok(FIXED.test(editor.document.getText()), editor.document.getText());
  });

  it("fix a selection", async () => {
    const editor = await open("selection.py", BROKEN);
    const last = editor.document.lineAt(6).range;
    editor.selection = new vscode.Selection(last.start, last.end);
    await vscode.commands.executeCommand("editloop.fixSelection");
    ok(FIXED.test(editor.document.getText()), editor.document.getText());
  });

  it("fix a file", async () => {
    const editor = await open("file.py", BROKEN);
    await vscode.commands.executeCommand("editloop.fixFile");
    ok(FIXED.test(editor.document.getText()), editor.document.getText());
  });

  it("characters beyond the first plane", async () => {
    const text = 'NAME = "😀 naïve"\r\n\r\ndef half(number)\r\n\treturn number / 2  # ½ 😀\r\n';
    const editor = await open("crlf.py", text);
    strictEqual(editor.document.eol, vscode.EndOfLine.CRLF);
    await vscode.commands.executeCommand("editloop.fixFile");
    strictEqual(editor.document.getText(), text.replace("(number)\r", "(number):\r"));
  });

  it("cancel", async () => {
    const editor = await open("hard.py", HARD);
    const fixing = vscode.commands.executeCommand("editloop.fixFile");
    const busy = async (wanted: boolean) =>
      (await vscode.commands.executeCommand<ServerStatus>("editloop.status")).busy === wanted || undefined;
    await until(() => busy(true));
    await vscode.commands.executeCommand("editloop.cancelFixes");
    await fixing;
    await until(() => busy(false));
    strictEqual(editor.document.getText(), HARD);
  });

  it("a fix for changed lines is not applied", async () => {
    const editor = await open("changed.py", HARD);
    const fixing = vscode.commands.executeCommand("editloop.fixFile");
    await until(async () => (await vscode.commands.executeCommand<ServerStatus>("editloop.status")).busy || undefined);
    await editor.edit((edit) => edit.replace(editor.document.lineAt(8).range, "    return 'mine'"));
    await fixing;
    strictEqual(editor.document.getText(), HARD.replace("return total", "return 'mine'"));
  });

  it("a fix as a diff, accepted", async () => {
    await settings().update("preview", true, vscode.ConfigurationTarget.Workspace);
    const editor = await open("accept.py", BROKEN);
    const fixing = vscode.commands.executeCommand("editloop.fixFile");
    const diff = await until(diffInFront);
    strictEqual(editor.document.getText(), BROKEN);
    const shown = await vscode.workspace.openTextDocument(diff.modified);
    ok(FIXED.test(shown.getText()));
    await vscode.commands.executeCommand("editloop.acceptFix");
    await fixing;
    strictEqual(editor.document.getText(), shown.getText());
    strictEqual(diffInFront(), undefined);
  });

  it("a fix as a diff, rejected", async () => {
    await settings().update("preview", true, vscode.ConfigurationTarget.Workspace);
    const editor = await open("reject.py", BROKEN);
    const fixing = vscode.commands.executeCommand("editloop.fixFile");
    await until(diffInFront);
    await vscode.commands.executeCommand("editloop.rejectFix");
    await fixing;
    strictEqual(editor.document.getText(), BROKEN);
    strictEqual(diffInFront(), undefined);
  });

  it("a diff of a file that changed is not applied", async () => {
    await settings().update("preview", true, vscode.ConfigurationTarget.Workspace);
    const editor = await open("stale.py", BROKEN);
    const fixing = vscode.commands.executeCommand("editloop.fixFile");
    await until(diffInFront);
    const edit = new vscode.WorkspaceEdit();
    edit.insert(editor.document.uri, new vscode.Position(0, 0), "# changed\n");
    await vscode.workspace.applyEdit(edit);
    await vscode.commands.executeCommand("editloop.acceptFix");
    await fixing;
    strictEqual(editor.document.getText(), `# changed\n${BROKEN}`);
  });

  it("the diff shows what applying the edit makes", async () => {
    const { document } = await open("edits.py", "a = 😀\r\nb = 2\r\nc");
    const edits = [
      vscode.TextEdit.replace(new vscode.Range(0, 4, 0, 6), "1"),
      vscode.TextEdit.insert(new vscode.Position(2, 1), " = 3\r\n"),
      vscode.TextEdit.delete(new vscode.Range(1, 0, 2, 0)),
    ];
    const expected = applied(document, edits);
    strictEqual(expected, "a = 1\r\nc = 3\r\n");
    const edit = new vscode.WorkspaceEdit();
    edit.set(document.uri, edits);
    await vscode.workspace.applyEdit(edit);
    strictEqual(document.getText(), expected);
  });

  it("fix the error of the last run", async () => {
    const path = join(folder, "raising.py");
    await writeFile(path, RAISING);
    const run = promisify(execFile)("python3", [path]);
    const printed = await run.then(
      () => "",
      (error: { stderr: string }) => error.stderr,
    );
    await vscode.env.clipboard.writeText(printed);
    await vscode.commands.executeCommand("editloop.fixLastRun");
    const document = vscode.window.activeTextEditor?.document;
    strictEqual(document?.uri.fsPath, path);
    ok(document.getText().includes("sum(values)"), document.getText());
  });

  it("models with their metadata", async () => {
    const models = await vscode.commands.executeCommand<Model[]>("editloop.listModels");
    ok(Array.isArray(models) && models.every((model) => model.parameters && model.quantization), JSON.stringify(models));
  });

  it("debug information", async () => {
    await vscode.commands.executeCommand("editloop.copyDebugInformation");
    const text = await vscode.env.clipboard.readText();
    ok(text.includes(`VS Code ${vscode.version}`) && text.includes("server running"), text);
  });

  it("report", async () => {
    await open("report.py", BROKEN);
    await vscode.commands.executeCommand("editloop.fixFile");
    await vscode.commands.executeCommand("editloop.showReport");
    const report = await until(() =>
      vscode.workspace.textDocuments.find(({ uri }) => uri.scheme === "editloop-report"),
    );
    ok(report.getText().includes("report.py"), report.getText());
  });

  it("restart of the server", async () => {
    await vscode.commands.executeCommand("editloop.restart");
    const editor = await open("restart.py", SYNTAX);
    await vscode.commands.executeCommand("editloop.fixFile");
    strictEqual(editor.document.getText(), SYNTAX.replace(")\n", "):\n"));
  });

  it("restart after a crash", async () => {
    const serverProcess = async () => {
      const { markdown } = await vscode.commands.executeCommand<{ markdown: string }>("editloop.debugInformation");
      return Number(/server process \| (\d+)/.exec(markdown)?.[1]);
    };
    const before = await serverProcess();
    process.kill(before, "SIGKILL");
    const after = await until(() => serverProcess().catch(() => undefined));
    ok(after !== before);
  });

  it("fix all on save", async () => {
    const shown = (call: string, answer: string) => `    """\n    >>> ${call}\n    ${answer}\n    """\n`;
    const area = `def area(width, height):\n${shown("area(2, 3)", "6")}    return widht * height\n`;
    const source = `${area}\n\ndef half(number):\n${shown("half(4)", "2.0")}    return nmber / 2\n`;
    const target = vscode.ConfigurationTarget.Workspace;
    const whole = vscode.workspace.getConfiguration("editor");
    await whole.update("codeActionsOnSave", { "source.fixAll.editloop": "explicit" }, target);
    await settings().update("preview", true, target);
    const { document } = await open("all.py", source);
    await until(() => vscode.languages.getDiagnostics(document.uri)[1]);
    await document.save();
    await whole.update("codeActionsOnSave", undefined, target);
    strictEqual(await readFile(document.fileName, "utf8"), document.getText());
    ok(document.getText() !== source);
    await until(() => (vscode.languages.getDiagnostics(document.uri).length === 0 ? true : undefined));
  });

  it("switched off for a language", async () => {
    const target = vscode.ConfigurationTarget.Workspace;
    const editor = await open("off.py", SYNTAX);
    await until(() => vscode.languages.getDiagnostics(editor.document.uri)[0]);
    const python = vscode.workspace.getConfiguration("", { languageId: "python" });
    await python.update("editloop.enable", false, target, true);
    await until(() => (vscode.languages.getDiagnostics(editor.document.uri).length === 0 ? true : undefined));
    await python.update("editloop.enable", undefined, target, true);
    await until(() => vscode.languages.getDiagnostics(editor.document.uri)[0]);
  });

  it("server found in the workspace's environment, then on the PATH", async () => {
    const chosen = settings().get("path");
    const environment = join(folder, ".venv");
    const program = join(folder, "bin", "editloop");
    const path = process.env["PATH"];
    await promisify(execFile)("python3", ["-m", "venv", "--without-pip", environment]);
    await mkdir(join(folder, "bin"));
    await symlink("/bin/true", program);
    try {
      await settings().update("path", "", vscode.ConfigurationTarget.Workspace);
      process.env["PATH"] = `${join(folder, "bin")}:${path}`;
      strictEqual((await findServer())?.command, program);
      const packages = (await readdir(join(environment, "lib")))[0] ?? "";
      await mkdir(join(environment, "lib", packages, "site-packages", "editloop_lsp"));
      strictEqual((await findServer())?.command, join(environment, "bin", "python"));
    } finally {
      process.env["PATH"] = path;
      await rm(environment, { recursive: true });
      await settings().update("path", chosen, vscode.ConfigurationTarget.Workspace);
      await vscode.commands.executeCommand("editloop.restart");
    }
  });

  it("a setting that names no program is an error", async () => {
    const before = settings().get("path");
    await settings().update("path", "/no/such/program", vscode.ConfigurationTarget.Workspace);
    await rejects(findServer(), /editloop.path/);
    await settings().update("path", before, vscode.ConfigurationTarget.Workspace);
  });

  it("package.json declares the commands that there are", async () => {
    const extension = vscode.extensions.getExtension("editloop.editloop");
    const path = vscode.Uri.joinPath(extension?.extensionUri ?? vscode.Uri.file("/"), "package.json").fsPath;
    const { contributes } = JSON.parse(await readFile(path, "utf8")) as {
      contributes: { commands: { command: string }[] };
    };
    const known = new Set(await vscode.commands.getCommands(true));
    deepStrictEqual(
      contributes.commands.map(({ command }) => command).filter((command) => !known.has(command)),
      [],
    );
  });
});
