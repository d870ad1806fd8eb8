// A Node agent beside teelog: it says what it is about to do, waits for the receipt, and only
// then does it. No receipt, no action. Replace it by your own; it needs no package.
//
// usage: teelog run --data DIR --tee KIND -- node main.mjs
import http from "node:http";

const agentId = "example";

/** One record's receipt, once it is durable. */
function log(type, content, more = {}) {
  const line = JSON.stringify({ agentId, roomId: "room", userId: "user", type, content, ...more });
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        socketPath: process.env.TEELOG_SOCKET,
        path: "/v1/records",
        method: "POST",
        headers: { authorization: `Bearer ${process.env.TEELOG_TOKEN}` },
      },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk) => (text += chunk));
        answer.on("end", () => {
          if (answer.statusCode === 200) resolve(JSON.parse(text));
          else reject(new Error(`not logged (${answer.statusCode}): ${text}`));
        });
        answer.on("error", reject);
      },
    );
    request.on("error", reject);
    request.end(line + "\n");
  });
}

const intent = await log("Action:PAY", JSON.stringify({ phase: "intent", what: "5 USDC to bob" }));
// Here the action itself runs.
await log("Action:PAY", JSON.stringify({ phase: "result", ok: true }), { ref: intent.index });
console.log(`logged as statement ${intent.index}`);
