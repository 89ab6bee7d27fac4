/**
 * What editloop's server adds to the Language Server Protocol: its commands with their arguments and results, and its
 * notifications. docs/lsp.md is the reference; nothing here has behaviour.
 */
import type { Diagnostic, Range, WorkspaceEdit } from "vscode-languageclient/node";

export const Command = {
  fix: "editloop.fix",
  cancel: "editloop.cancel",
  showLastReport: "editloop.showLastReport",
  trust: "editloop.trust",
  keepExample: "editloop.keepExample",
  listModels: "editloop.listModels",
  useModel: "editloop.useModel",
  catalogue: "editloop.models.catalogue",
  getModel: "editloop.models.get",
  findTraceback: "editloop.findTraceback",
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
  readonly kind: "diagnostic" | "selection" | "function" | "file" | "all" | "tests" | "run";
  readonly range: Range;
  readonly diagnostic: Diagnostic | null;
  /** For "run": what the run printed. */
  readonly traceback?: string;
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
  /** No fix was found, no model took part, and the person did not say that none should. */
  readonly wants_model: boolean;
}

export interface FixResult {
  /** "possible fix": what it rests on is weak, so nobody should take it unread. */
  readonly status: "fixed" | "possible fix" | "nothing wrong" | "not found" | "cancelled" | "stale" | "error";
  readonly reason: string;
  readonly applied: boolean;
  readonly report: Report;
  readonly edit?: WorkspaceEdit | null;
  readonly alternatives: readonly Alternative[];
}

/** A call on which the fixes of a job differ. */
export interface Question {
  readonly call: string;
  /** One for each fix, the first one's first; "" where none came. */
  readonly answers: readonly string[];
  /** All of it in one line. */
  readonly line: string;
}

export interface Trust {
  /** Null where no difference is known. */
  readonly question: Question | null;
}

export interface KeptExample {
  /** Null where no docstring can hold the example: `reason` says so. */
  readonly edit: WorkspaceEdit | null;
  readonly reason: string;
}

export interface LastReport {
  readonly markdown: string;
  /** Null where no fix was asked for yet. */
  readonly report: Report | null;
}

/** A model that can be fetched. */
export interface CatalogueRow {
  readonly name: string;
  readonly title: string;
  /** In words for a person. */
  readonly good_for: string;
  readonly bytes: number;
  readonly licence: string;
  readonly here: boolean;
  /** Bytes that an unfinished download left. */
  readonly fetched: number;
  /** Whether it is the one for this machine. */
  readonly suits: boolean;
}

export interface GotModel {
  readonly name: string;
  readonly got: boolean;
  readonly reason: string;
}

export interface FoundTraceback {
  readonly traceback: string;
  /** Of the file that it leads to, null where there is none here: `reason` says why. */
  readonly uri: string | null;
  readonly reason: string;
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
  readonly modelState: "not loaded" | "loading" | "loaded" | "none" | "missing" | "failed";
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
