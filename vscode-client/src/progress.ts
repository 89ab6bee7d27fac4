/** Progress notifications with a Cancel button. */
import * as vscode from "vscode";
import type { Progress, Session } from "./session";

/** Runs a fix under a notification that tells what the server tries; Cancel, or `outer`, cancels the task's token. */
export async function withFixProgress<R>(
  session: Session,
  title: string,
  outer: vscode.CancellationToken | undefined,
  task: (token: vscode.CancellationToken) => Thenable<R>,
): Promise<R> {
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  return vscode.window.withProgress(options, async (progress, button) => {
    const source = new vscode.CancellationTokenSource();
    const parts = [
      source,
      button.onCancellationRequested(() => source.cancel()),
      outer?.onCancellationRequested(() => source.cancel()),
      session.onDidChange(() => {
        const message = session.status?.job?.message;
        if (message) {
          progress.report({ message });
        }
      }),
    ];
    try {
      return await task(source.token);
    } finally {
      parts.forEach((part) => part?.dispose());
    }
  });
}

/** Runs a task whose progress the server reports in percent. */
export async function withPercentProgress<R>(
  title: string,
  task: (token: vscode.CancellationToken, onProgress: (value: Progress) => void) => Promise<R>,
): Promise<R> {
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  return vscode.window.withProgress(options, (progress, token) => {
    let reached = 0;
    return task(token, (value) => {
      const percent = value.kind === "end" ? reached : Math.max(reached, value.percentage ?? reached);
      progress.report({ increment: percent - reached, ...(value.message && { message: value.message }) });
      reached = percent;
    });
  });
}
