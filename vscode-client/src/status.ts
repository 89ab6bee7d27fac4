/** The status bar item: whether all is well; model and sandbox on hover; what is tried while a fix is searched, and a click to cancel. */
import * as vscode from "vscode";
import type { Session } from "./session";

interface View {
  readonly text: string;
  readonly tooltip: string;
  readonly command: string;
  readonly warn?: boolean;
}

export function statusBar(session: Session): vscode.Disposable {
  const item = vscode.window.createStatusBarItem("editloop", vscode.StatusBarAlignment.Right, 100);
  item.name = "editloop";
  const show = () => {
    const { text, tooltip, command, warn } = view(session);
    item.text = text;
    item.tooltip = new vscode.MarkdownString(tooltip);
    item.command = command;
    item.backgroundColor = warn ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined;
    item.show();
  };
  show();
  return vscode.Disposable.from(item, session.onDidChange(show));
}

function view({ phase, status }: Session): View {
  if (phase === "missing") {
    return {
      text: "$(warning) editloop",
      tooltip: "editloop is not installed on this machine. Click to get started.",
      command: "editloop.getStarted",
      warn: true,
    };
  }
  if (phase === "stopped") {
    return {
      text: "$(error) editloop",
      tooltip: "The server is stopped. Click for its logs.",
      command: "editloop.showLogs",
    };
  }
  if (phase === "starting" || !status) {
    return { text: "$(loading~spin) editloop", tooltip: "The server starts.", command: "editloop.showLogs" };
  }
  const runsCode = !["", "D", "F"].includes(status.sandbox);
  const model = status.model || "the default one";
  const about = [
    `Model: ${model} (${status.modelState})`,
    runsCode
      ? `Your code is run to verify fixes, in a sandbox: ${status.sandboxText}`
      : `Your code is not run: ${status.sandboxText}`,
  ].join("\n\n");
  if (status.busy) {
    const { message = "working", candidates = 0 } = status.job ?? {};
    return {
      text: `$(loading~spin) editloop: ${candidates ? `${candidates} tried` : "working"}`,
      tooltip: `${message}\n\n${about}\n\nClick to cancel.`,
      command: "editloop.cancelFixes",
    };
  }
  const problem = ["missing", "failed"].find((state) => state === status.modelState);
  return {
    text: `$(wrench) editloop${problem ? `: model ${problem}` : ""}`,
    tooltip: about,
    command: "editloop.showMenu",
    warn: problem !== undefined,
  };
}
