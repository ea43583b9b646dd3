// The backend of a call: it serves the page, and gives whoever asks a token for the call of a name.
// It works with Amazon IVS and with Rostrum: AWS_ENDPOINT_URL_IVS_REALTIME says which.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

import { CreateParticipantTokenCommand, CreateStageCommand, IVSRealTimeClient, paginateListStages } from "@aws-sdk/client-ivs-realtime";

const ivs = new IVSRealTimeClient({});
const endpoint = process.env.AWS_ENDPOINT_URL_IVS_REALTIME;
const sdk = process.env.IVS_WEB_SDK ?? (endpoint && `${endpoint}/sdk/rostrum.js`);

/** The stage of a call, which the first participant makes. */
async function stageOf(name) {
  for await (const { stages } of paginateListStages({ client: ivs }, {})) {
    const found = stages.find((stage) => stage.name === name);
    if (found) return found.arn;
  }
  return (await ivs.send(new CreateStageCommand({ name }))).stage.arn;
}

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://backend");
  try {
    if (request.method === "GET" && pathname === "/") {
      const page = await readFile(new URL("page.html", import.meta.url), "utf8");
      response.setHeader("Content-Type", "text/html").end(page.replace("IVS_WEB_SDK", sdk));
    } else if (request.method === "POST" && pathname === "/join") {
      const stageArn = await stageOf(searchParams.get("call"));
      const user = searchParams.get("user");
      const { participantToken } = await ivs.send(new CreateParticipantTokenCommand({ stageArn, userId: user, attributes: { name: user }, duration: 60 }));
      response.setHeader("Content-Type", "application/json").end(JSON.stringify({ token: participantToken.token }));
    } else {
      response.writeHead(404).end();
    }
  } catch (error) {
    response.writeHead(error.$metadata?.httpStatusCode === 400 ? 400 : 502).end(error.message);
  }
});

server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
process.once("SIGTERM", () => process.exit());
