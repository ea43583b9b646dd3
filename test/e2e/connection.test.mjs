// A browser carries three stages on one connection, until boto3 revokes its token.
import assert from "node:assert/strict";
import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";

import { bestOf, claims, eventually, launch, server, serverAndBrowser, web } from "./harness.mjs";

serverAndBrowser();

const python = process.env.ROSTRUM_BOTO3;

/** Calls of boto3, by the program that make conformance drives. */
function boto3(t) {
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

/** A connection token that the application signs itself, with the key of an imported public key. */
function connectionToken(keyArn, key, participantToken) {
  const [, , , region, account_id] = keyArn.split(":");
  const iat = Math.floor(Date.now() / 1000);
  const payload = { exp: iat + 3600, iat, jti: randomUUID(), account_id, region, events_url: claims(participantToken).events_url, version: "1.0" };
  const signed = [{ alg: "ES384", typ: "JWT", kid: keyArn }, payload].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const signature = sign("sha384", signed, { key, dsaEncoding: "ieee-p1363" });
  return { token: `${signed}.${signature.toString("base64url")}`, id: payload.jti };
}

test("boto3 revokes a connection token: a browser leaves its three stages within a second, and stays out", { skip: python ? false : "boto3 is not installed" }, async (t) => {
  const call = boto3(t);
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const { arn: keyArn } = (await call("ImportPublicKey", { publicKeyMaterial: publicKey.export({ type: "spki", format: "pem" }) })).publicKey;
  // A busy machine may spoil the second, not the rest.
  await bestOf(3, async () => {
    const page = await web.page();
    const witnesses = [];
    try {
      const stages = {};
      for (const name of ["one", "two", "three"]) {
        const { arn } = (await server.call("CreateStage", { name })).stage;
        stages[name] = await server.token(arn, "browser");
        const witness = await web.page();
        witnesses.push(witness);
        await witness.evaluate((k) => participant.events(k), await server.token(arn, "witness"));
      }
      const { token, id } = connectionToken(keyArn, privateKey, stages.one);
      await page.evaluate(([k, s]) => participant.connect(k, s), [token, stages]);
      const published = (await page.evaluate((k) => participant.publish(k, { width: 320, height: 180 }), stages.two)).id;
      const left = (witness) => witness.evaluate(() => participant.messages.some((m) => m.type === "PARTICIPANT_LEFT" && m.payload.userId === "browser"));
      assert.deepEqual(await Promise.all(witnesses.map(left)), [false, false, false]);

      const revoked = Date.now();
      await call("RevokeConnectionToken", { tokenId: id });
      await eventually("everybody sees it leave", () => Promise.all(witnesses.map(left)), (all) => all.every((l) => l));
      const messages = await eventually("the end of the connection", () => page.evaluate(() => participant.messages), (all) => all.at(-1).type === "CLOSED");
      const closed = messages.at(-2);
      assert.deepEqual([closed.type, closed.payload.reason, closed.payload.code], ["CONNECTION_CLOSED", "real-time-connection-token-revocation", "TOKEN_REVOKED"]);
      await eventually("the end of its media", () => page.evaluate((i) => participant.publications[i].pc.connectionState, published), (s) => s !== "connected");

      const refusal = await page.evaluate(async ([url, k]) => {
        const response = await fetch(url, { headers: { Authorization: `Bearer ${k}` } });
        return [response.status, (await response.json()).code];
      }, [claims(token).events_url.replace(/^ws/, "http"), token]);
      assert.deepEqual(refusal, [403, "TOKEN_REVOKED"]);
      await assert.rejects(page.evaluate(([k]) => participant.connect(k, {}), [token]), /closed: 1006/);
      const took = closed.at - revoked;
      assert.ok(took <= 1000, `disconnected after ${took} ms`);
      console.log(`# disconnected ${took} ms after boto3 began to revoke`);
    } finally {
      await Promise.all([page, ...witnesses].map((p) => p.close()));
    }
  });
});
