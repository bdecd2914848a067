import { expect, test } from "vitest";
import { AnsiText } from "../../../app/pages/parts/ansi.ts";

const ESC = "\u001b";

test("colours become classes, whichever of the ways a program sets them", () => {
  const text = new AnsiText();
  expect(text.markup(`${ESC}[31mred${ESC}[0m`)).toBe('<span class="ansi-red-fg">red</span>');
  expect(text.markup(`${ESC}[1;32mbold${ESC}[0m`)).toBe('<span class="ansi-bold ansi-green-fg">bold</span>');
  expect(text.markup(`${ESC}[38;2;200;10;10mtrue${ESC}[0m`)).toBe('<span class="ansi-red-fg">true</span>');
  expect(text.markup(`${ESC}[38;5;46m256${ESC}[0m`)).toBe('<span class="ansi-green-fg">256</span>');
  expect(text.markup(`${ESC}[48;2;0;0;190m${ESC}[3mon blue${ESC}[0m`)).toBe(
    '<span class="ansi-italic ansi-blue-bg">on blue</span>',
  );
});

test("a colour goes on in the next piece, and so does a sequence that was cut in two", () => {
  const text = new AnsiText();
  expect(text.markup(`${ESC}[33mone `) + text.markup("two")).toBe(
    '<span class="ansi-yellow-fg">one </span><span class="ansi-yellow-fg">two</span>',
  );
  expect(text.markup(`${ESC}[3`) + text.markup("5mthree")).toBe('<span class="ansi-magenta-fg">three</span>');
});

test("whatever a log holds stays text: no markup, no link, no style", () => {
  const hostile = [
    "<script>alert(1)</script>",
    `<span style="color:rgb(1,2,3)" onmouseover="alert(1)">`,
    `${ESC}]8;;javascript:alert(1)${ESC}\\click${ESC}]8;;${ESC}\\`,
    `${ESC}]8;;https://evil.example${ESC}\\click${ESC}]8;;${ESC}\\`,
    `${ESC}[38;2;1;2;3m"><img src=x onerror=alert(1)>${ESC}[0m`,
    `${ESC}]0;title\u0007${ESC}[2J${ESC}[H${ESC}(B`,
  ];
  for (const line of hostile) {
    const markup = new AnsiText().markup(line);
    expect(markup.replaceAll(/<span class="[a-z -]*">|<\/span>/g, "")).not.toMatch(/[<>]/);
  }
});

test("a line that a program draws anew, such as a progress bar, becomes lines", () => {
  expect(new AnsiText().markup("10 %\r50 %\r\n100 %\r\n")).toBe("10 %\n50 %\n100 %\n");
});
