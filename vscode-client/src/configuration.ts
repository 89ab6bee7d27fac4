/** Settings as the server asks for them. */
import * as vscode from "vscode";
import type { ConfigurationParams } from "vscode-languageclient/node";

/**
 * Answers `workspace/configuration`. The language client would ask for the uri alone, which leaves out the overrides
 * of a language, such as `"[python]": {"editloop.enable": false}`; an open document has them.
 */
export function configuration({ items }: ConfigurationParams): unknown[] {
  return items.map(({ scopeUri, section }) => {
    const uri = scopeUri ? vscode.Uri.parse(scopeUri) : undefined;
    const document = vscode.workspace.textDocuments.find((open) => open.uri.toString() === uri?.toString());
    const value: unknown = vscode.workspace.getConfiguration(undefined, document ?? uri).get(section ?? "");
    return value ?? null;
  });
}
