// Hands calls to the AWS SDK for JavaScript: a request a line on standard
// input, a reply a line on standard output.
import { createInterface } from "node:readline";
import * as sdk from "@aws-sdk/client-ivs-realtime";

const clients = new Map();

// clientOf is the client of a caller, made when it is first needed.
function clientOf(caller) {
  const name = caller.name + caller.endpoint;
  if (!clients.has(name)) {
    clients.set(name, new sdk.IVSRealTimeClient({
      region: caller.region,
      endpoint: caller.endpoint,
      credentials: { accessKeyId: caller.accessKey, secretAccessKey: caller.secretKey, sessionToken: caller.sessionToken },
      systemClockOffset: (caller.clock ?? 0) * 1000,
      ...(caller.attempts && { maxAttempts: caller.attempts }),
    }));
  }
  return clients.get(name);
}

async function call({ operation, input, caller, pageSize }) {
  const client = clientOf(caller);
  if (!pageSize) {
    return [await client.send(new sdk[operation + "Command"](input ?? {}))];
  }
  const pages = [];
  for await (const page of sdk["paginate" + operation]({ client, pageSize }, input ?? {})) {
    pages.push(page);
  }
  return pages;
}

async function answer(request) {
  try {
    const pages = await call(request);
    const requestId = pages[0].$metadata.requestId ?? "";
    for (const page of pages) {
      delete page.$metadata;
    }
    return { pages, requestId };
  } catch (e) {
    if (!(e instanceof sdk.IVSRealTimeServiceException)) {
      throw e;
    }
    return {
      requestId: e.$metadata.requestId ?? "",
      error: { name: e.name, type: e.constructor.name, status: e.$metadata.httpStatusCode, message: e.message },
    };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
}
