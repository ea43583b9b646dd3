// The application of the examples passes its own test, as its author would run it.
import assert from "node:assert/strict";
import { existsSync, symlinkSync } from "node:fs";
import { test } from "node:test";

import { binary, run } from "./harness.mjs";

const example = new URL("../../examples/call-app/", import.meta.url).pathname;

test("an application's backend and page are tested without AWS", async () => {
  if (!existsSync(`${example}node_modules`)) symlinkSync("../../test/e2e/node_modules", `${example}node_modules`);
  process.env.ROSTRUM = binary;
  delete process.env.NODE_TEST_CONTEXT; // the example's runner is one of its own
  const { lines, exited } = run({ command: process.execPath }, "--test", "--test-reporter=spec", `${example}app.test.mjs`);
  const [code] = await exited;
  assert.equal(code, 0, lines.join("\n"));
  assert.ok(lines.some((line) => line.includes("participants see and leave each other")), lines.join("\n"));
});
