// Calls of boto3, which knows operations that the SDK for JavaScript lacks, by the program
// that make conformance drives.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { launch, server } from "./harness.mjs";

/** The Python that has boto3; undefined where it is not installed. */
export const python = process.env.ROSTRUM_BOTO3;

export function boto3(t) {
  const child = launch(python, [new URL("../conformance/python/client.py", import.meta.url).pathname], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill());
  const lines = createInterface({ input: child.stdout });
  const caller = { name: "e2e", endpoint: server.url, region: "eu-west-1", accessKey: "E2EACCESSKEY", secretKey: "e2e-secret-of-the-suite" };
  return async (operation, input) => {
    child.stdin.write(`${JSON.stringify({ service: "ivs-realtime", caller, operation, input })}\n`);
    const [line] = await once(lines, "line");
    const { pages, error } = JSON.parse(line);
    assert.equal(error, undefined, line);
    return pages[0];
  };
}
