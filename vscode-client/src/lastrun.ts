/** What the last run printed: from the clipboard, the debug console or the terminal's selection. */
import * as vscode from "vscode";
import { UserError } from "./errors";
import type { Fixes } from "./fixes";
import { Command, type FoundTraceback } from "./protocol";
import type { Session } from "./session";

/** Characters of a debug session's output that are kept: a traceback is at its end. */
const KEPT = 1 << 17;

interface OutputEvent {
  readonly type: string;
  readonly event?: string;
  readonly body?: { readonly category?: string; readonly output?: string };
}

export class LastRun implements vscode.Disposable {
  private output = "";
  private readonly registration = vscode.debug.registerDebugAdapterTrackerFactory("*", {
    createDebugAdapterTracker: ({ parentSession }) => {
      this.output = parentSession ? this.output : "";
      return { onDidSendMessage: (message: OutputEvent) => this.hear(message) };
    },
  });

  /** Fixes what the clipboard, else the debug console, shows to have gone wrong. */
  async fix(session: Session, fixes: Fixes): Promise<void> {
    await fixFirst(session, fixes, [await vscode.env.clipboard.readText(), this.output]);
  }

  /** Fixes what is selected in the terminal; the clipboard is left as it was. */
  async fixSelection(session: Session, fixes: Fixes): Promise<void> {
    const { clipboard } = vscode.env;
    const kept = await clipboard.readText();
    await vscode.commands.executeCommand("workbench.action.terminal.copySelection");
    const selected = await clipboard.readText();
    await clipboard.writeText(kept);
    await fixFirst(session, fixes, [selected]);
  }

  dispose(): void {
    this.registration.dispose();
  }

  private hear({ type, event, body }: OutputEvent): void {
    if (type === "event" && event === "output" && body?.category !== "telemetry") {
      this.output = (this.output + (body?.output ?? "")).slice(-KEPT);
    }
  }
}

/** Opens the file that the first traceback among the texts leads to, and fixes it there. */
async function fixFirst(session: Session, fixes: Fixes, texts: readonly string[]): Promise<void> {
  const { traceback, uri, reason } = await session.execute<FoundTraceback>(Command.findTraceback, { texts });
  if (!uri) {
    throw new UserError(`editloop: ${reason}`);
  }
  const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(uri));
  await vscode.window.showTextDocument(document);
  await fixes.fixRun(session, document, traceback);
}
