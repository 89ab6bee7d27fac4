// What a person does in VS Code's window.

export class Window {
  constructor(page) {
    this.page = page;
  }

  async goto(url, folder) {
    await this.page.goto(`${url}/?folder=${encodeURIComponent(folder)}`);
    await this.page.waitForSelector(".monaco-workbench .part.statusbar");
  }

  /** Answers the question about the workspace's authors, which a new folder brings up. */
  async trust(yes = true) {
    await this.page.getByRole("button", { name: yes ? /^Yes, I trust/ : /^No, I don't trust/ }).click();
  }

  async command(title) {
    await this.page.keyboard.press("F1");
    const input = this.page.locator(".quick-input-widget input").first();
    await input.fill(`>${title}`);
    await this.page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first().click();
  }

  async open(name) {
    await this.page.keyboard.press("Control+P");
    await this.page.locator(".quick-input-widget input").first().fill(name);
    await this.page.locator(".quick-input-list .monaco-list-row", { hasText: name }).first().click();
    await this.page.locator(`.tab.active[data-resource-name="${name}"]`).waitFor();
  }

  async goToLine(line, column = 1) {
    await this.page.keyboard.press("Control+G");
    const input = this.page.locator(".quick-input-widget input").first();
    await input.fill(`:${line}:${column}`);
    await this.page.keyboard.press("Enter");
  }

  /** Opens the lightbulb's menu where the cursor is and returns the entry that has the text. */
  async action(text) {
    await this.page.keyboard.press("Control+.");
    const entry = this.page.locator(".action-widget .monaco-list-row.action", { hasText: text }).first();
    await entry.waitFor();
    return entry;
  }

  notification(text) {
    return this.page.locator(".notifications-toasts .notification-list-item", { hasText: text }).first();
  }

  status(text) {
    return this.page.locator(".statusbar-item", { hasText: text }).first();
  }

  row(text) {
    return this.page.locator(".quick-input-list .monaco-list-row", { hasText: text }).first();
  }

  async save() {
    await this.page.keyboard.press("Control+S");
  }
}
