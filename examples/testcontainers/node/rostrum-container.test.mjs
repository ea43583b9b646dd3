// Run it with node --test. With ROSTRUM, the path of the program, it needs no container.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { accessKey, start, startProcess } from "./rostrum-container.mjs";

const seed = readFileSync(new URL("../seed.yaml", import.meta.url), "utf8");

test("a server is ready with its seed", async () => {
  const program = process.env.ROSTRUM;
  const server = await (program ? startProcess({ program, seed }) : start({ seed }));
  try {
    assert.equal((await fetch(`${server.endpoint}/readyz`)).status, 200);
    assert.match(server.seed.stages.lobby.arn, /^arn:aws:ivs:/);
    assert.equal(server.seed.stages.lobby.participantTokens[0].userId, "alice");
    assert.equal(server.client().credentials.accessKeyId, accessKey);
  } finally {
    await server.stop();
  }
});
