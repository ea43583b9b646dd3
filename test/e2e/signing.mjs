// Tokens that an application signs itself, with the key of an imported public key.
import { generateKeyPairSync, randomUUID, sign } from "node:crypto";

import { claims, server } from "./harness.mjs";

const seconds = () => Math.floor(Date.now() / 1000);

/** Imports a key by call(operation, input), and returns what signs with it. */
export async function importKey(call = server.call) {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const { arn } = (await call("ImportPublicKey", { publicKeyMaterial: publicKey.export({ type: "spki", format: "pem" }) })).publicKey;
  const token = (payload) => {
    const signed = [{ alg: "ES384", typ: "JWT", kid: arn }, payload].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    return `${signed}.${sign("sha384", signed, { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  };
  return {
    /** A connection token for the server of a participant token. */
    connection(participantToken) {
      const [, , , region, account_id] = arn.split(":");
      const iat = seconds();
      const payload = { exp: iat + 3600, iat, jti: randomUUID(), account_id, region, events_url: claims(participantToken).events_url, version: "1.0" };
      return { token: token(payload), id: payload.jti };
    },
    /** A participant token with the claims of another and some changed. */
    participant(like, changes = {}) {
      const iat = seconds();
      return token({ ...claims(like), iat, exp: iat + 3600, ...changes });
    },
  };
}
