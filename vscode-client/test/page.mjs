// What a person does in VS Code's window, and sees there.

export class Window {
  constructor(page) {
    this.page = page;
    this.input = page.locator(".quick-input-widget input").first();
  }

  async goto(url, folder) {
    await this.page.goto(`${url}?folder=${encodeURIComponent(folder)}`);
    await this.page.locator(".monaco-workbench .part.statusbar").waitFor();
  }

  async command(title) {
    await this.page.keyboard.press("F1");
    await this.input.fill(`>${title}`);
    await this.row(title).click();
  }

  async open(name) {
    await this.page.keyboard.press("Control+P");
    await this.input.fill(name);
    await this.row(name).click();
    await this.tab(name).waitFor();
  }

  async goToLine(line, column = 1) {
    await this.page.keyboard.press("Control+G");
    await this.input.fill(`:${line}:${column}`);
    await this.page.keyboard.press("Enter");
    await this.input.waitFor({ state: "hidden" });
  }

  /** Opens the lightbulb's menu where the cursor is; the entry that has the text. */
  async action(text) {
    await this.page.keyboard.press("Control+.");
    const entry = this.page.locator(".action-widget .monaco-list-row.action", { hasText: text }).first();
    await entry.waitFor();
    return entry;
  }

  async save() {
    await this.page.keyboard.press("Control+S");
    await this.page.locator(".tab.active.dirty").waitFor({ state: "hidden" });
  }

  /** An entry of the command palette or of another list that drops from the top. */
  row(text) {
    return this.page.locator(".quick-input-list .monaco-list-row", { hasText: text }).first();
  }

  tab(text) {
    return this.page.locator(".tab.active", { hasText: text }).first();
  }

  notification(text) {
    return this.page.locator(".notifications-toasts .notification-list-item", { hasText: text }).first();
  }

  status(text) {
    return this.page.locator(".statusbar-item", { hasText: text }).first();
  }

  titleButton(name) {
    return this.page.locator(".editor-group-container.active .editor-actions").getByRole("button", { name });
  }
}
