/**
 * A fix as a diff that waits for Accept or Reject. Nothing is changed before Accept, and nothing at all if the
 * document changed meanwhile.
 */
import * as vscode from "vscode";

export const FIX_SCHEME = "editloop-fix";

type Decision = "accept" | "reject";

interface Pending {
  readonly uri: vscode.Uri;
  readonly text: string;
  readonly decide: (decision: Decision) => void;
}

export class Preview implements vscode.Disposable, vscode.TextDocumentContentProvider {
  private readonly pending = new Map<string, Pending>();
  private readonly parts: vscode.Disposable[];
  private count = 0;

  constructor() {
    this.parts = [
      vscode.workspace.registerTextDocumentContentProvider(FIX_SCHEME, this),
      vscode.commands.registerCommand("editloop.acceptFix", (uri?: vscode.Uri) => this.decide("accept", uri)),
      vscode.commands.registerCommand("editloop.rejectFix", (uri?: vscode.Uri) => this.decide("reject", uri)),
      vscode.window.tabGroups.onDidChangeTabs(({ closed }) => {
        closed.map(modifiedUri).forEach((uri) => uri && this.pending.get(uri.toString())?.decide("reject"));
      }),
    ];
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.pending.get(uri.toString())?.text ?? "";
  }

  /**
   * Shows what the edit does to its one document; true when it was accepted and applied.
   * title: of the diff. verdict: what was checked, said beside Accept and Reject.
   */
  async offer(title: string, verdict: string, edit: vscode.WorkspaceEdit): Promise<boolean> {
    const entry = edit.entries()[0];
    if (!entry) {
      return false;
    }
    const [target, edits] = entry;
    const document = await vscode.workspace.openTextDocument(target);
    const version = document.version;
    if ((await this.ask(title, verdict, document, applied(document, edits))) === "reject") {
      return false;
    }
    if (document.version !== version) {
      void vscode.window.showWarningMessage("The file changed since the fix was found; nothing was applied.");
      return false;
    }
    return vscode.workspace.applyEdit(edit);
  }

  dispose(): void {
    this.parts.forEach((part) => part.dispose());
  }

  private async ask(title: string, verdict: string, document: vscode.TextDocument, text: string): Promise<Decision> {
    const uri = document.uri.with({ scheme: FIX_SCHEME, query: String(++this.count) });
    const decision = new Promise<Decision>((decide) => this.pending.set(uri.toString(), { uri, text, decide }));
    try {
      await vscode.commands.executeCommand("vscode.diff", document.uri, uri, title, { preview: true });
      let answered = false;
      void vscode.window.showInformationMessage(verdict, "Accept", "Reject").then((choice) => {
        answered = true;
        if (choice) {
          this.decide(choice === "Accept" ? "accept" : "reject", uri);
        }
      });
      const decided = await decision;
      if (!answered) {
        // A message cannot be taken back, only put away: the buttons above the diff, or its tab, decided.
        await vscode.commands.executeCommand("notifications.hideToasts");
      }
      return decided;
    } finally {
      this.pending.delete(uri.toString());
      await closeTab(uri);
    }
  }

  /** Without a uri (from the command palette) the diff in front is meant. */
  private decide(decision: Decision, uri?: vscode.Uri): void {
    const front = modifiedUri(vscode.window.tabGroups.activeTabGroup.activeTab);
    const key = [uri, front].map((u) => u?.toString() ?? "").find((u) => this.pending.has(u));
    if (key) {
      this.pending.get(key)?.decide(decision);
    }
  }
}

/** The document's text with the edits made; they do not overlap. */
export function applied(document: vscode.TextDocument, edits: readonly vscode.TextEdit[]): string {
  let text = document.getText();
  const fromTheEnd = edits
    .map(({ range, newText }) => ({
      start: document.offsetAt(range.start),
      end: document.offsetAt(range.end),
      newText,
    }))
    .sort((a, b) => b.start - a.start);
  for (const { start, end, newText } of fromTheEnd) {
    text = text.slice(0, start) + newText + text.slice(end);
  }
  return text;
}

function modifiedUri(tab: vscode.Tab | undefined): vscode.Uri | undefined {
  return tab?.input instanceof vscode.TabInputTextDiff ? tab.input.modified : undefined;
}

async function closeTab(uri: vscode.Uri): Promise<void> {
  const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
  await vscode.window.tabGroups.close(tabs.filter((tab) => modifiedUri(tab)?.toString() === uri.toString()));
}
