/**
 * What editloop's server adds to the Language Server Protocol: its commands with their arguments and results, and its
 * notifications. docs/lsp.md is the reference; nothing here has behaviour.
 */
import type { Diagnostic, Range, WorkspaceEdit } from "vscode-languageclient/node";

export const Command = {
  fix: "editloop.fix",
  cancel: "editloop.cancel",
  showLastReport: "editloop.showLastReport",
  listModels: "editloop.listModels",
  useModel: "editloop.useModel",
  train: "editloop.train",
  debugInformation: "editloop.debugInformation",
} as const;

export const STATUS_NOTIFICATION = "editloop/status";
export const TRUST_NOTIFICATION = "editloop/didChangeTrust";

export interface InitializationOptions {
  readonly trusted: boolean;
  /** Asks the server for `editloop/status` notifications. */
  readonly status: true;
}

/** What a fix is asked for; the `data` of a code action has the same shape. */
export interface FixRequest {
  readonly uri: string;
  readonly version: number;
  readonly kind: "diagnostic" | "selection" | "function" | "file" | "all" | "tests";
  readonly range: Range;
  readonly diagnostic: Diagnostic | null;
  /** False: the edit comes back in the result and the server applies nothing. */
  readonly apply?: boolean;
}

export interface Alternative {
  readonly label: string;
  readonly diff: string;
  readonly edit: WorkspaceEdit;
}

export interface Report {
  /** All of it in one line. */
  readonly line: string;
  readonly diff: string;
}

export interface FixResult {
  readonly status: "fixed" | "nothing wrong" | "not found" | "cancelled" | "stale" | "error";
  readonly reason: string;
  readonly applied: boolean;
  readonly report: Report;
  readonly edit?: WorkspaceEdit | null;
  readonly alternatives: readonly Alternative[];
}

export interface LastReport {
  readonly markdown: string;
}

/** A row of `editloop models list --json`; what the file does not say is null. */
export interface Model {
  readonly name: string;
  readonly path: string;
  readonly source: string;
  readonly default: boolean;
  readonly file_size: number | null;
  readonly parameters: number | null;
  readonly quantization: string | null;
  readonly architecture: string | null;
  readonly base_model: string | null;
  readonly eval: Readonly<Record<string, number | string>>;
  readonly error: string | null;
}

export interface TrainRequest {
  readonly folder: string;
  readonly minutes: number;
  readonly name: string;
}

export interface TrainResult {
  /** 0 where a model was trained; -1 where it was stopped. */
  readonly exit: number;
  readonly reason: string;
}

export interface ServerStatus {
  readonly model: string;
  readonly modelState: "not loaded" | "loading" | "loaded" | "missing" | "failed";
  /** Level of isolation, A (strongest) to F (no code is run). */
  readonly sandbox: string;
  readonly sandboxText: string;
  readonly busy: boolean;
  readonly job?: {
    readonly uri: string;
    readonly turn: number;
    readonly candidates: number;
    readonly message: string;
  } | null;
}
