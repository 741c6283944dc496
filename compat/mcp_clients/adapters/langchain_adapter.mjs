// LangChain for JavaScript: loads every tool, and calls two.
//
// node langchain_adapter.mjs BASE_URL KEY
import assert from "node:assert";
import { MultiServerMCPClient } from "@langchain/mcp-adapters";

const [baseUrl, key] = process.argv.slice(2);
const place = { url: `${baseUrl}/mcp?tools=all`, headers: { "x-api-key": key }, automaticSSEFallback: false };
const client = new MultiServerMCPClient({ throwOnLoadError: true, mcpServers: { axme: place } });
const loaded = await client.getTools();
const tools = Object.fromEntries(loaded.map((tool) => [tool.name, tool]));
assert(loaded.length > 100, `${loaded.length}`);
const sent = await tools.intents_send.invoke({ intent_type: "x.v1", to_agent: "nobody", payload: { n: 1 } });
assert(JSON.stringify(sent).includes("intent_id"), JSON.stringify(sent));
const refused = await tools.intents_get.invoke({ intent_id: "nonsense" }).catch((error) => error.message);
assert(JSON.stringify(refused).includes("not_found"), JSON.stringify(refused));
await client.close();
console.log("ok");
