// The MCP SDK's own client, through `teelog mcp`, with a published server behind it. Reads what to
// run from standard input, {"command", "args", "cases"}, and prints what came of each case.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { readFileSync } from "node:fs";

const plan = JSON.parse(readFileSync(0, "utf8"));
const errors = [];
const transport = plan.url
  ? new StreamableHTTPClientTransport(new URL(plan.url))
  : new StdioClientTransport({ command: plan.command, args: plan.args, env: plan.env, stderr: "ignore" });
const client = new Client({ name: "e2e", version: "1" });
client.onerror = (e) => errors.push(String(e));

async function run(c) {
  if (c.list) return (await client.listTools()).tools.map((t) => t.name).sort();
  const progress = [];
  const controller = new AbortController();
  const options = { timeout: 60000, resetTimeoutOnProgress: true, signal: c.abort ? controller.signal : undefined };
  if (c.progress || c.abort || c.kill)
    options.onprogress = (p) => { // the server is at it, then
      progress.push(p.progress);
      if (c.kill && progress.length === 1) process.kill(Number(readFileSync(plan.pid_file, "utf8")), "SIGKILL");
      if (c.abort && progress.length === 1) controller.abort("enough");
    };
  try {
    const result = await client.callTool(c.call, undefined, options);
    return { progress, receipt: result._meta?.["teelog/receipt"], isError: result.isError,
             structured: result.structuredContent, sizes: result.content.map((p) => JSON.stringify(p).length),
             text: result.content[0]?.text?.slice(0, 200) };
  } catch (e) {
    return c.kill ? { failed: e.code } : { progress, failed: e.code ?? String(e), message: e.message };
  }
}

await client.connect(transport);
const said = [];
for (const c of plan.cases) said.push(await run(c));
await client.close();
console.log(JSON.stringify({ said, errors }));
