;;; What the tests do in Emacs, beside the configuration under test  -*- lexical-binding: t -*-

(require 'json)
(setq make-backup-files nil
      auto-save-default nil
      create-lockfiles nil
      enable-local-variables :safe)

(defvar editors-buffer (current-buffer) "The one that was opened last.")
(defvar editors-titles nil)

(defun editors-call (function arguments)
  "FUNCTION applied to ARGUMENTS, an array; in and out is JSON in base 64."
  (let* ((json-array-type 'list)
         (json-null nil)
         (text (decode-coding-string (base64-decode-string arguments) 'utf-8))
         (result (with-current-buffer editors-buffer
                   (apply function (json-read-from-string text)))))
    (base64-encode-string (encode-coding-string (json-encode result) 'utf-8) t)))

(defun editors-open (path)
  (switch-to-buffer (setq editors-buffer (find-file-noselect path)))
  ;; What the command loop and the redisplay would do: eglot and flymake start there.
  (run-hooks 'post-command-hook 'window-configuration-change-hook)
  t)

(defun editors-text ()
  (save-restriction
    (widen)
    (buffer-substring-no-properties (point-min) (point-max))))

(defun editors-set-line (line text)
  (undo-boundary)
  (goto-char (point-min))
  (forward-line (1- line))
  (delete-region (line-beginning-position) (line-end-position))
  (insert text)
  (undo-boundary)
  (eglot--signal-textDocument/didChange)
  t)

(defun editors-save ()
  (set-buffer-modified-p t) ; a file that was not touched is not saved
  (let ((inhibit-message t))
    (save-buffer))
  t)

(defun editors-undo ()
  (undo-boundary)
  (setq last-command nil)
  (undo)
  t)

(defun editors-diagnostics ()
  (vconcat
   (mapcar (lambda (found)
             (vector (line-number-at-pos (flymake-diagnostic-beg found))
                     (flymake-diagnostic-text found)))
           (flymake-diagnostics))))

(defun editors-choose (title line column last)
  (undo-boundary)
  (deactivate-mark)
  (goto-char (point-min))
  (forward-line (1- line))
  (forward-char (1- column))
  (when last
    (push-mark (point) t t)
    (forward-line (- (1+ last) line)))
  (setq editors-titles nil)
  (let ((last-nonmenu-event ?x)
        (transient-mark-mode t)
        (completing-read-function
         (lambda (_prompt items &rest _)
           (setq editors-titles (mapcar #'car items))
           (or (seq-find (lambda (item) (string-prefix-p title item)) editors-titles) ""))))
    (call-interactively #'eglot-code-actions))
  t)

(defun editors-titles ()
  (vconcat editors-titles))

(defun editors-run (command index)
  (let ((function (intern (concat "editloop-" command))))
    (if index (funcall function index) (funcall function)))
  t)

(defun editors-run-failed (printed)
  (kill-new printed)
  (call-interactively #'editloop-run)
  t)

(defun editors-shown ()
  (if-let ((buffer (get-buffer "*editloop*")))
      (with-current-buffer buffer (editors-text))
    ""))

(defun editors-status ()
  (jsonrpc-request (eglot--current-server-or-lose) :workspace/executeCommand
                   '(:command "editloop.status" :arguments [])))

(provide 'editors)
