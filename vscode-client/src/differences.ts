/** Fixes that satisfy the same checks and answer a call differently: the person says what is right. */
import * as vscode from "vscode";
import { Command, type KeptExample, type Question, type Trust } from "./protocol";
import type { Session } from "./session";

const CHOOSE = "Choose";
const KEEP = "Keep as Doctest";

interface Option extends vscode.QuickPickItem {
  /** Of the first fix that answers so; undefined where none is right. */
  readonly fix?: number;
}

/**
 * Waits until the server knows how the fixes of a document's last job compare, and asks where they differ.
 * take: called with the number of the fix whose answer is right, 0 for the first.
 */
export async function askDifference(
  session: Session,
  uri: string,
  take: (fix: number) => Promise<void>,
): Promise<void> {
  const { question } = await session.execute<Trust>(Command.trust, { uri });
  if (!question || (await vscode.window.showInformationMessage(question.line, CHOOSE)) !== CHOOSE) {
    return;
  }
  const title = `What is right for ${question.call}?`;
  const picked = await vscode.window.showQuickPick(optionsOf(question), { title });
  if (picked?.fix !== undefined) {
    await take(picked.fix);
    await offerToKeep(session, uri, question.call, picked.label);
  } else if (picked) {
    void vscode.window.showWarningMessage(`None of the fixes that were found is right for ${question.call}.`);
  }
}

/** Each answer once, in the order of the fixes, and that none is right. */
export function optionsOf({ answers }: Question): Option[] {
  const firsts = answers.map((label, fix) => ({ label, fix })).filter(({ label, fix }) => {
    return label !== "" && answers.indexOf(label) === fix;
  });
  return [...firsts, { label: "Neither", description: "none of these is right" }];
}

async function offerToKeep(session: Session, uri: string, call: string, answer: string): Promise<void> {
  if ((await vscode.window.showInformationMessage(`${call}: ${answer}`, KEEP)) !== KEEP) {
    return;
  }
  const { edit, reason } = await session.execute<KeptExample>(Command.keepExample, { uri, call, answer });
  if (edit) {
    await vscode.workspace.applyEdit(await session.running().protocol2CodeConverter.asWorkspaceEdit(edit));
  } else {
    void vscode.window.showWarningMessage(reason);
  }
}
