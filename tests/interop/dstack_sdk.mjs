// What an application does with dstack's SDK: asks the stand-in of the guest agent over
// both of its interfaces. node dstack_sdk.mjs DSTACK_SOCK TAPPD_SOCK: prints one JSON object.
import { DstackClient, TappdClient } from "@phala/dstack-sdk";

const [dstackSocket, tappdSocket] = process.argv.slice(2);
const data = Buffer.alloc(64, 0x5c);

const dstack = new DstackClient(dstackSocket);
const info = await dstack.info();
const quote = await dstack.getQuote(data);
const short = await dstack.getQuote("short");
const key = await dstack.getKey("teelog/sealing/v1");
const other = await dstack.getKey("another/path");

console.warn = () => {}; // the older interface is deprecated, as we know
const tappd = new TappdClient(tappdSocket);
const legacy = await tappd.tdxQuote(data, "raw");
const hashed = await tappd.tdxQuote("text");
const derived = await tappd.deriveKey("teelog/sealing/v1");

console.log(JSON.stringify({
  reachable: await dstack.isReachable(),
  version: (await dstack.version()).version,
  app_id: info.app_id,
  compose_hash: info.tcb_info.compose_hash,
  quote: quote.quote,
  rtmrs: quote.replayRtmrs(),
  short: short.report_data,
  key: Buffer.from(key.key).toString("hex"),
  other: Buffer.from(other.key).toString("hex"),
  legacy: legacy.quote,
  legacy_rtmrs: legacy.replayRtmrs(),
  hashed: hashed.quote,
  derived: Buffer.from(derived.asUint8Array(32)).toString("hex"),
}));
