// Hands calls to the AWS SDK for JavaScript: a request a line on standard
// input, a reply a line on standard output.
import { createInterface } from "node:readline";
import * as channels from "@aws-sdk/client-ivs";
import * as stages from "@aws-sdk/client-ivs-realtime";

const services = {
  ivs: { sdk: channels, Client: channels.IvsClient, Failure: channels.IvsServiceException },
  "ivs-realtime": { sdk: stages, Client: stages.IVSRealTimeClient, Failure: stages.IVSRealTimeServiceException },
};

const clients = new Map();

// clientOf is the client of a caller, made when it is first needed.
function clientOf(service, caller) {
  const name = service + caller.name + caller.endpoint;
  if (!clients.has(name)) {
    clients.set(name, new services[service].Client({
      region: caller.region,
      endpoint: caller.endpoint,
      credentials: { accessKeyId: caller.accessKey, secretAccessKey: caller.secretKey, sessionToken: caller.sessionToken },
      systemClockOffset: (caller.clock ?? 0) * 1000,
      ...(caller.attempts && { maxAttempts: caller.attempts }),
    }));
  }
  return clients.get(name);
}

async function call({ service, operation, input, caller, pageSize }) {
  const client = clientOf(service, caller);
  const { sdk } = services[service];
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
    if (!(e instanceof services[request.service].Failure)) {
      throw e;
    }
    return {
      requestId: e.$metadata.requestId ?? "",
      error: { name: e.name, type: e.constructor.name, status: e.$metadata.httpStatusCode, message: e.message, shown: String(e) },
    };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
}
