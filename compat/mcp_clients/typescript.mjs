// Both generations of the official TypeScript client against a server.
//
// node typescript.mjs BASE_URL KEY
import assert from "node:assert";
import { Client as FirstClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as FirstTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const [baseUrl, key] = process.argv.slice(2);

async function use(client, transport) {
  await client.connect(transport);
  const names = (await client.listTools()).tools.map((tool) => tool.name);
  assert(names.includes("intents_send") && names.length >= 15, `${names}`);
  const sent = await client.callTool({
    name: "intents_send",
    arguments: { intent_type: "x.v1", to_agent: "nobody", payload: {} },
  });
  assert(!sent.isError && sent.structuredContent.data.intent_id, JSON.stringify(sent));
  const refused = await client.callTool({ name: "intents_get", arguments: { intent_id: "nonsense" } });
  assert(refused.isError, JSON.stringify(refused));
  const read = await client.readResource({ uri: `axme://intents/${sent.structuredContent.data.intent_id}` });
  assert(read.contents.length === 1);
  await client.close();
}

const url = new URL(`${baseUrl}/mcp`);
const requestInit = { headers: { "x-api-key": key } };
const who = { name: "compat", version: "1" };
const first = new FirstClient(who);
await use(first, new FirstTransport(url, { requestInit }));
for (const mode of ["legacy", "auto", { pin: "2026-07-28" }]) {
  await use(new Client(who, { versionNegotiation: { mode } }), new StreamableHTTPClientTransport(url, { requestInit }));
}
const pinged = new FirstClient(who);
await pinged.connect(new FirstTransport(url, { requestInit }));
await pinged.ping();
await pinged.close();
console.log("ok");
