/**
 * Stands in for the extensions of ty and of basedpyright, which come from a marketplace: starts the language server
 * that a setting names, which is the real one, and shows what it reports.
 */
import * as vscode from "vscode";
import { LanguageClient } from "vscode-languageclient/node";

let client: LanguageClient | undefined;

export async function activate(): Promise<void> {
  const [command, ...args] = vscode.workspace.getConfiguration("typeChecker").get<string[]>("command", []);
  if (command) {
    const documentSelector = [{ scheme: "file", language: "python" }];
    client = new LanguageClient("typeChecker", "Type checker", { command, args }, { documentSelector });
    await client.start();
  }
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}
