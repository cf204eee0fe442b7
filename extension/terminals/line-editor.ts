/** What the input of a process without a terminal comes to. */
export interface LineInput {
  /** Bytes for the process. */
  send: string;
  /** What is shown of it. */
  echo: string;
  eof: boolean;
  interrupt: boolean;
}

/** The little that a terminal's cooked mode does: echo, backspace, whole lines, Ctrl-C and Ctrl-D. */
export class LineEditor {
  #line = "";

  push(text: string): LineInput {
    const input: LineInput = { send: "", echo: "", eof: false, interrupt: false };
    // Cursor keys and the like mean nothing here.
    for (const character of text.replace(/\x1b(\[[0-9;?]*[ -/]*[@-~]|O.)/g, "")) {
      if (character === "\r" || character === "\n") {
        input.send += `${this.#line}\n`;
        input.echo += "\r\n";
        this.#line = "";
      } else if (character === "\x7f" || character === "\b") {
        if (this.#line === "") continue;
        this.#line = [...this.#line].slice(0, -1).join("");
        input.echo += "\b \b";
      } else if (character === "\x03") {
        input.interrupt = true;
        input.echo += "^C\r\n";
        this.#line = "";
      } else if (character === "\x04") {
        input.send += this.#line;
        input.eof ||= this.#line === "";
        this.#line = "";
      } else if (character >= " " || character === "\t") {
        this.#line += character;
        input.echo += character;
      }
    }
    return input;
  }
}
