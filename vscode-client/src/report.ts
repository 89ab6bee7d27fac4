/** Texts of the server for people: the report of the last fix, and debug information for a bug report. */
import * as vscode from "vscode";
import { Command, type LastReport } from "./protocol";
import type { Session } from "./session";

const REPORT = vscode.Uri.from({ scheme: "editloop-report", path: "/Fix report.md" });

export class Reports implements vscode.Disposable, vscode.TextDocumentContentProvider {
  private markdown = "";
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;
  private readonly registration = vscode.workspace.registerTextDocumentContentProvider(REPORT.scheme, this);

  provideTextDocumentContent(): string {
    return this.markdown;
  }

  /** The report of the last fix of the active file, or of the last one at all, as rendered Markdown. */
  async show(session: Session): Promise<void> {
    const document = vscode.window.activeTextEditor?.document;
    const argument = document?.languageId === "python" ? { uri: document.uri.toString() } : {};
    this.markdown = (await session.execute<LastReport>(Command.showLastReport, argument)).markdown;
    this.changed.fire(REPORT);
    await vscode.commands.executeCommand("markdown.showPreviewToSide", REPORT);
  }

  dispose(): void {
    this.registration.dispose();
    this.changed.dispose();
  }
}

/** Puts what a bug report needs on the clipboard; without a server, what the editor alone knows. */
export async function copyDebugInformation(session: Session, version: string): Promise<void> {
  const { server, phase } = session;
  const lines = [
    `* VS Code ${vscode.version} (${vscode.env.appName}), extension ${version}, ${process.platform} ${process.arch}`,
    `* workspace ${vscode.workspace.isTrusted ? "trusted" : "not trusted"}, server ${phase}`,
    `* server from ${server ? `${server.origin}: ${server.command} ${server.args.join(" ")}` : "nowhere"}`,
  ];
  const fromServer =
    phase === "running" ? (await session.execute<{ markdown: string }>(Command.debugInformation)).markdown : "";
  await vscode.env.clipboard.writeText(`${lines.join("\n")}\n\n${fromServer}`);
  void vscode.window.showInformationMessage("Debug information copied. Read it before you share it.");
}
