/**
 * The fixes of each document's last job, as whole texts: a person can go from one to another, also after one
 * was applied, as long as the document is one of these texts.
 */
import * as vscode from "vscode";
import type { WorkspaceEdit } from "vscode-languageclient/node";
import { UserError } from "./errors";
import { applied } from "./preview";
import type { FixResult } from "./protocol";
import type { Session } from "./session";

interface Choice extends vscode.QuickPickItem {
  /** What was checked. */
  readonly description: string;
  readonly text: string;
}

interface Found {
  readonly original: string;
  readonly choices: readonly Choice[];
}

export class Choices {
  private readonly found = new Map<string, Found>();

  forget(uri: vscode.Uri): void {
    this.found.delete(uri.toString());
  }

  /** Keeps the fixes of a result; its edits are for the document as it is now. */
  async remember(
    session: Session,
    document: vscode.TextDocument,
    { edit, report, alternatives }: FixResult,
  ): Promise<void> {
    if (!edit) {
      return;
    }
    const converter = session.running().protocol2CodeConverter;
    const choice = async (label: string, diff: string, made: WorkspaceEdit): Promise<Choice> => {
      const edits = (await converter.asWorkspaceEdit(made)).get(document.uri);
      return {
        label: changedLines(diff),
        description: label.replace(/^editloop: /, ""),
        text: applied(document, edits),
      };
    };
    const best = choice(report.line, report.diff, edit);
    const others = alternatives.map((other) => choice(other.label, other.diff, other.edit));
    const choices = await Promise.all([best, ...others]);
    this.found.set(document.uri.toString(), { original: document.getText(), choices });
  }

  /** The fix of a number, 0 for the first, as an edit; undefined where it is made, or is not known for this text. */
  at(document: vscode.TextDocument, fix: number): { verdict: string; edit: vscode.WorkspaceEdit } | undefined {
    const found = this.found.get(document.uri.toString());
    const now = document.getText();
    const choice = found?.choices[fix];
    if (!found || !choice || now === choice.text) {
      return undefined;
    }
    const known = now === found.original || found.choices.some(({ text }) => text === now);
    return known ? { verdict: choice.description, edit: replacement(document, choice.text) } : undefined;
  }

  /** Lets the person choose; undefined if they do not. Throws UserError if there is nothing to choose from. */
  async pick(document: vscode.TextDocument): Promise<{ verdict: string; edit: vscode.WorkspaceEdit } | undefined> {
    const found = this.found.get(document.uri.toString());
    const now = document.getText();
    if (found && now !== found.original && !found.choices.some(({ text }) => text === now)) {
      throw new UserError("The file changed since the fixes were found; ask for a fix again.");
    }
    const others = found?.choices.filter(({ text }) => text !== now) ?? [];
    if (others.length === 0) {
      throw new UserError("There is no other fix for this file.");
    }
    const choice = await vscode.window.showQuickPick(others, { title: "Other fixes", matchOnDescription: true });
    return choice && { verdict: choice.description, edit: replacement(document, choice.text) };
  }
}

/** The one edit that makes the document another text, without what both begin and end with. */
export function replacement(document: vscode.TextDocument, wanted: string): vscode.WorkspaceEdit {
  const now = document.getText();
  const most = Math.min(now.length, wanted.length);
  let start = 0;
  while (start < most && now[start] === wanted[start]) {
    start++;
  }
  let tail = 0;
  while (tail < most - start && now[now.length - 1 - tail] === wanted[wanted.length - 1 - tail]) {
    tail++;
  }
  const range = new vscode.Range(document.positionAt(start), document.positionAt(now.length - tail));
  const edit = new vscode.WorkspaceEdit();
  edit.replace(document.uri, range, wanted.slice(start, wanted.length - tail));
  return edit;
}

/** What a diff adds, or else takes away, on one line. */
function changedLines(diff: string): string {
  const lines = diff.split("\n").filter((line) => !/^(---|\+\+\+) /.test(line));
  const added = lines.filter((line) => line.startsWith("+"));
  const shown = added.length > 0 ? added : lines.filter((line) => line.startsWith("-"));
  return shown.map((line) => `${line[0] ?? ""} ${line.slice(1).trim()}`).join("  ");
}
