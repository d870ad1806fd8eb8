/* Writes a small corpus for each target: fuzz_make_seeds DIR makes
 * DIR/NAME/…. Keys are fresh each time, so the files differ from run to run;
 * what is committed was made once. */
#include "attest/collateral.h"
#include "attest/evidence.h"
#include "attest/ratls.h"
#include "attest/sgx_extension.h"
#include "codec/der.h"
#include "codec/json_put.h"
#include "codec/pem.h"
#include "codec/problem.h"
#include "fakedcap.h"
#include "fuzz.h"
#include "log/backup_form.h"
#include "log/recovery.h"
#include "tee/sim_crl.h"
#include "tee/sim_der.h"
#include "tee/sim_pki.h"
#include "tee/sim_quote.h"
#include "tlog/body.h"
#include "tlog/bundle.h"
#include "tlog/checkpoint.h"
#include "tlog/proof.h"
#include "tlog/receipt.h"
#include "tlog/transparent.h"
#include "tlog/witness.h"

#include <string.h>
#include <sys/stat.h>

static const char *root;

static void save(const char *target, const char *name, slice bytes)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", root, target);
    (void)mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", root, target, name);
    FILE *f = fopen(path, "wb");
    MUST(f && fwrite(bytes.p, 1, bytes.n, f) == bytes.n && fclose(f) == 0);
}

static void save_str(const char *target, const char *name, const char *text)
{
    save(target, name, slice_str(text));
}

/* The same bytes behind one byte that chooses. */
static void save_chosen(const char *target, const char *name, uint8_t first, slice bytes)
{
    buf b;
    buf_init(&b, bytes.n + 1);
    buf_u8(&b, first);
    buf_bytes(&b, bytes);
    MUST(buf_err(&b) == TL_OK);
    save(target, name, buf_slice(&b));
    buf_finish(&b);
}

static void save_hex(const char *target, const char *name, const char *hex)
{
    uint8_t bytes[256];
    MUST(hex_read(bytes, strlen(hex) / 2, slice_str(hex)) == TL_OK);
    save(target, name, slice_of(bytes, strlen(hex) / 2));
}

static void cbor_seeds(void)
{
    save_hex("stored", "small", "00000000000000050901aabbcc");
    save_hex("cbor", "map", "a60001181801200241610361610462616105");
    save_hex("cbor", "nested", "8181a1008243616263f6");
    save_hex("cbor", "depth16", "818181818181818181818181818181f5");
    save_hex("cbor", "wide", "8519ffff1a000100001b001fffffffffffff3b001ffffffffffffe63e282ac");
    save_hex("cbor", "reads", "0001020305060708820001a1000142616263616263d2f4f5f6");
}

static void der_seeds(void)
{
    save_hex("der", "magnitude", "000209008000000000000001");
    save_hex("der", "uint", "01020200ff");
    save_hex("der", "bool", "020101ff");
    save_hex("der", "named-bits", "0303020186");
    save_chosen("der", "utc", 4,
                slice_str("\x17\x0d"
                          "261122120000Z"));
    save_chosen("der", "generalized", 4,
                slice_str("\x18\x0f"
                          "20560229235959Z"));
    save_hex("der", "octets", "05040401020304");
    save_hex("der", "bits", "0603030480f0");
    save_hex("der", "enum", "070a0105");
    save_hex("der", "walk", "083009300702010130020500");
}

static struct note_key log_key(uint8_t seed[32])
{
    uint8_t public_key[32];
    struct note_key key;
    memset(seed, 7, 32);
    ed25519_public(seed, public_key);
    MUST(note_key_make(&key, slice_str("fuzz.example/log"), public_key) == TL_OK);
    return key;
}

static struct cosigner witness_key(uint8_t seed[32])
{
    uint8_t public_key[32];
    struct cosigner key;
    memset(seed, 8, 32);
    ed25519_public(seed, public_key);
    MUST(cosigner_make(&key, slice_str("w.example"), public_key) == TL_OK);
    return key;
}

static void transparent_seed(slice receipt, slice header)
{
    uint8_t zeros[64] = {0};
    const struct transparent t = {.protected_header = header,
                                  .payload = slice_of(zeros, 32),
                                  .signature = SLICE_ARRAY(zeros),
                                  .count = 2,
                                  .receipts = {receipt, slice_str("another's")}};
    buf b;
    buf_init(&b, 4000);
    transparent_put(&b, &t);
    save("proof", "transparent", buf_slice(&b));
    buf_reset(&b);
    problem_put(&b, "Not Found", "there is none");
    save("proof", "problem", buf_slice(&b));
    buf_finish(&b);
}

static void receipt_seeds(const hash32 path[2])
{
    uint8_t mem[200], zeros[64] = {0};
    buf head, b;
    buf_init_fixed(&head, mem, sizeof mem);
    buf_init(&b, 2000);
    receipt_header_put(&head, &path[0], slice_str("fuzz.example/log"), slice_str("a"), 4);
    struct receipt r = {.kind = RECEIPT_INCLUSION,
                        .first = 1,
                        .tree_size = 4,
                        .path_count = 2,
                        .path = {path[0], path[1]},
                        .protected_header = buf_slice(&head),
                        .signature = SLICE_ARRAY(zeros)};
    receipt_put(&b, &r);
    save("proof", "inclusion", buf_slice(&b));
    transparent_seed(buf_slice(&b), buf_slice(&head));
    buf_reset(&b);
    r.kind = RECEIPT_CONSISTENCY;
    receipt_put(&b, &r);
    save("proof", "consistency", buf_slice(&b));
    save_hex("proof", "keys",
             "82a4010220012158200000000000000000000000000000000000000000000000000000000000000000225"
             "8200000000000000000000000000000000000000000000000000000000000000000a30101200621582000"
             "00000000000000000000000000000000000000000000000000000000000000");
    buf_finish(&b);
}

static void witness_seeds(void)
{
    uint8_t seed[32];
    const hash32 path[2] = {sha256(slice_str("1")), sha256(slice_str("2"))};
    struct note_key log = log_key(seed);
    buf b, note;
    buf_init(&b, 2000);
    buf_init(&note, 1000);
    MUST(note_sign(&note, slice_str(FUZZ_CHECKPOINT), &log, seed) == TL_OK);
    witness_request_put(&b, 0, NULL, 0, buf_slice(&note));
    save("witness", "first", buf_slice(&b));
    buf_reset(&b);
    witness_request_put(&b, 1, path, 2, buf_slice(&note));
    save("witness", "with-proof", buf_slice(&b));
    save_str("witness", "size", "9223372036854775807\n");
    struct cosigner witness = witness_key(seed);
    buf_reset(&b);
    MUST(cosignature_sign(&b, slice_str(FUZZ_CHECKPOINT), 1790000000, &witness, seed) == TL_OK);
    save("witness", "answer", buf_slice(&b));
    buf_reset(&b);
    buf_str(&b, "# seeds\nlog ");
    note_key_put(&b, &log);
    buf_str(&b, " https://log.example/\nwitness\tw ");
    cosigner_put(&b, &witness);
    buf_str(&b, "\ngroup g 1 w\ngroup h all g\nquorum h\n");
    save("tlog_policy", "all-lines", buf_slice(&b));
    buf_reset(&b);
    tlog_proof_put(&b, slice_str("extra"), 1, path, 2, buf_slice(&note));
    save("proof", "with-extra", buf_slice(&b));
    buf_reset(&b);
    tlog_proof_put(&b, (slice){NULL, 0}, 0, NULL, 0, buf_slice(&note));
    save("proof", "one-leaf", buf_slice(&b));
    receipt_seeds(path);
    save_str("tlog_policy", "none", "quorum none\n");
    buf_finish(&b);
    buf_finish(&note);
}

/* The receipt of what fuzz_receipt_check sends, the second leaf of two. */
static void receipt_check_seed(void)
{
    static const uint8_t zeros[64] = {0};
    uint8_t seed[32];
    struct note_key key = log_key(seed);
    const struct body_record record = {.salt = slice_of(zeros, BODY_SALT),
                                       .room_id = slice_str("r"),
                                       .user_id = slice_str("u"),
                                       .content = slice_str("c")};
    struct statement st = {.kind = ST_RECORD,
                           .alg = COSE_ES256,
                           .origin = slice_str("fuzz.example/log"),
                           .subject = slice_str("alice"),
                           .type = slice_str("t"),
                           .seq = 5,
                           .has_prev = true};
    buf b, header, statement, note;
    buf_init(&b, 4000);
    buf_init(&header, 1000);
    buf_init(&statement, 2000);
    buf_init(&note, 1000);
    body_record_put(&b, &record);
    st.payload = sha256(buf_slice(&b));
    statement_header_put(&header, &st);
    statement_put(&statement, buf_slice(&header), &st.payload, zeros);
    const hash32 first = sha256(slice_str("1")), leaf = merkle_leaf_hash(buf_slice(&statement));
    const hash32 top = merkle_node_hash(&first, &leaf);
    MUST(checkpoint_sign(&note, slice_str("fuzz.example/log"), 2, &top, &key, seed) == TL_OK);
    buf_reset(&b);
    buf_str(&b, "{\"index\":1,\"seq\":5,\"agentId\":\"alice\",\"leafHash\":\"");
    hex_put(&b, hash_slice(&leaf));
    buf_str(&b, "\",\"treeSize\":2,\"class\":\"signed\"");
    json_put_base64(&b, "salt", record.salt);
    json_put_base64(&b, "statement", buf_slice(&statement));
    json_put_name(&b, "checkpoint");
    json_put_text(&b, buf_slice(&note));
    buf_str(&b, ",\"path\":[\"");
    base64_put(&b, hash_slice(&first));
    buf_str(&b, "\"]}\n");
    save("receipt_check", "good", buf_slice(&b));
    buf_finish(&b);
    buf_finish(&header);
    buf_finish(&statement);
    buf_finish(&note);
}

static void text_seeds(void)
{
    uint8_t seed[32];
    struct note_key key = log_key(seed);
    buf b;
    buf_init(&b, 1000);
    MUST(note_sign(&b, slice_str(FUZZ_CHECKPOINT), &key, seed) == TL_OK);
    save("note", "signed", buf_slice(&b));
    buf_str(&b, "\xe2\x80\x94 w+ AAAAAAA=\n");
    save("note", "bad-name", buf_slice(&b));
    buf_reset(&b);
    MUST(note_sign(&b, slice_str(FUZZ_PARAGRAPHS), &key, seed) == TL_OK);
    buf_str(&b, "\xe2\x80\x94 witness AAAAAAECAwQ=\n");
    save("note", "two-signatures", buf_slice(&b));
    buf_reset(&b);
    note_key_put(&b, &key);
    save("note", "verifier-key", buf_slice(&b));
    buf_finish(&b);
    save_str("checkpoint", "one", FUZZ_CHECKPOINT);
    save_str("checkpoint", "empty",
             "fuzz.example/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
    save_str("checkpoint", "extended",
             "other/log\n9007199254740993\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nmore\n");
    save_str("tile_path", "full", "tile/0/x001/x234/067");
    save_str("tile_path", "partial", "tile/3/000.p/255");
    save_str("tile_path", "entries", "tile/entries/x001/000.p/1");
    save_str(
        "record_json", "small",
        "{\"agentId\":\"a\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"c\"}");
    save_str("record_json", "all",
             "{\"roomId\":\"\",\"userId\":\"\\u00e9\",\"type\":\"tool:call\",\"content\":\"{}\","
             "\"ref\":7,\"requestId\":\"x-1\",\"attributes\":{\"b\":[1,-2,true,null,{\"k\":\"v\"}],"
             "\"aa\":9007199254740991}}");
    save_str("rest_ask", "all",
             "{\"query\":{\"agentId\":\"a\",\"roomId\":\"\\u00e9\",\"userId\":null,"
             "\"type\":\"tool:call\",\"containsContent\":\"100%_\\u0000\",\"startTimestamp\":1,"
             "\"endTimestamp\":9007199254740990},\"page\":2,\"pageSize\":1000,"
             "\"nonce\":\"000102030405060708090A0b0c0d0e0f\"}");
    save_str("http_head", "get",
             "GET /v1/agents?agent=a%20b&from=1&to=2 HTTP/1.1\r\nHost: x\r\n\r\n");
    save_str("http_head", "post",
             "POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
             "Authorization: Bearer t\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nhello");
    save_str("http_client", "two",
             "xHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
             "HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nConnection: close\r\n"
             "Content-Length: 30\r\n\r\n{\"error\":\"busy\",\"field\":\"x\"}\n");
    save_str("http_client", "chunked",
             "xHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0a\r\n"
             "0123456789\r\n0\r\n\r\n");
    save_str("http_head", "query", "agent=x%2f&from=0");
    save_str("filters", "all",
             "agent=a/b&room=r%201&user=%C3%BC&type=teelog.session&text=x&from=2&to=7&after=5&"
             "before=2026-01-31T08:00:00Z&order=newest&"
             "cursor=010000000000000005"
             "00000000000000000000000000000000");
}

static void json_seeds(void)
{
    save_str("json", "object",
             "{\"a\":[1,-2.5e1,{\"b\":\"\\u00e9\\ud83d\\ude00\xc3\xa9\"},null],\"c\":true}");
    save_str("json", "array", " [ 1 , 20 , -0.0 , 1e5 , [ ] , { } , false ] ");
    save_str("json", "string", "\"plain \\\" and \\u00e9 \\ud83d\\ude00, then sixteen bytes\\n\"");
    save_str("json", "deep", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
}

static void ask_seeds(void)
{
    save_str("attest_ask", "all",
             "{\"nonce\":\"000102030405060708090a0b0c0d0e0f\",\"agent\":\"alice\",\"chain\":true}");
    save_str("token_ask", "all",
             "{\"scopes\":[\"append\",\"read\",\"erase\",\"admin\"],\"agents\":[\"alice\","
             "\"b\\u00fcb\"],"
             "\"label\":\"for \\\"ci\\\"\",\"expiresMs\":1790000000000}");
    save_str("token_ask", "never", "{\"scopes\":[\"read\"],\"expiresMs\":null}");
    save_str("erasure_ask", "indexes",
             "{\"indexes\":[1,2,3],\"reason\":\"asked \\u263a\",\"dryRun\":true}");
    save_str("erasure_ask", "filter",
             "{\"user\":\"u\",\"room\":\"r\",\"agent\":\"alice\",\"before\":1790000000000}");
}

#define RECORD                                                                                     \
    "{\"index\":3,\"time\":1790000000123,\"agentId\":\"alice\",\"type\":\"tool:call\",\"roomId\":" \
    "\"r\","                                                                                       \
    "\"userId\":\"u\",\"ref\":2,\"content\":\"one\\ntwo "                                          \
    "\\u001b[31m\",\"attributes\":{\"k\":[1,true]},"                                               \
    "\"simulated\":true"
#define EVENTS ": hello\n\nid: 4\ndata: " RECORD "}\n\nevent: error\ndata: {\"error\":\"gone\"}\n\n"
#define PAGE                                                                                       \
    "{\"records\":[" RECORD                                                                        \
    "},{\"index\":2,\"erased\":true,\"time\":0}],\"next\":\"00ff\",\"size\":7,"                    \
    "\"total\":2,\"simulated\":true}"

static void tail_seeds(void)
{
    save_chosen("tail", "events", 0, slice_str(EVENTS));
    save_chosen("tail", "events-json", 1, slice_str(EVENTS));
    save_chosen("tail", "page", 2, slice_str(PAGE));
    save_chosen("tail", "page-json", 3, slice_str(PAGE));
    save_chosen("tail", "proof", 2,
                slice_str(RECORD ",\"leafHash\":\"00\",\"keyId\":\"11\",\"path\":[\"aa\",\"bb\"],"
                                 "\"treeSize\":9,\"checkpoint\":\"a\\n9\\nroot\\n\"}"));
}

static void index_seeds(void)
{
    uint8_t bits[1 + 6 + 18 + 512] = {0, 1, 0, 0, 0, 0x66};
    bits[5 + 18] = 300 & 0xff;
    bits[5 + 19] = 300 >> 8;
    memset(bits + 5 + 20, 0xff, 37);
    bits[5 + 20 + 37] = 0x0f;
    save("index", "postings-bits", SLICE_ARRAY(bits));
    save_hex("index", "postings",
             "00020000001a00000000000000000000000000000000000000030001000200ff0f"
             "55555555555555555555555555555555000001000700");
    save_hex("index", "directory",
             "01000000000000000000000000000000000000555555555555555555555555555555555555");
    save_hex("index", "chunk", "026f6e65000009000300000005000300ffff0800030061206f6e65ff6f6e65ff");
    save_hex("index", "made-postings", "030400010002030fff0055070101020203030404");
    save_hex("index", "made-contents", "04056f6e036f6e6523676f6e117805786f6e207840");
}

static void collateral_seeds(void)
{
    struct collateral c = {.tcb_info = slice_str("{\"id\":\"SGX\"}"),
                           .qe_identity = slice_str("{\"id\":\"QE\"}"),
                           .tcb_info_chain = slice_str("-----BEGIN\nAA==\n"),
                           .qe_identity_chain = slice_str("-----BEGIN\nAQ==\n"),
                           .root_ca_crl = slice_str("0"),
                           .pck_chain = slice_str("\"\\\x01")};
    buf b;
    buf_init(&b, 2000);
    collateral_put(&b, &c);
    MUST(buf_err(&b) == TL_OK);
    save("collateral", "small", buf_slice(&b));
    b.n--; /* the same, before its end */
    buf_str(&b, " , \"pck_crl_issuer_chain\" : null }\n");
    MUST(buf_err(&b) == TL_OK);
    save("collateral", "null", buf_slice(&b));
    buf_finish(&b);
    save_str("collateral", "unknown", "{\"tcb_info\":\"\\u00e9\",\"x\":1}");
}

static void policy_seeds(void)
{
    uint8_t seed[32];
    struct note_key key = log_key(seed);
    buf b;
    buf_init(&b, 2000);
    buf_str(&b, "{\"teelog_policy\":1,\"log\":{\"origin\":\"fuzz.example/log\",\"keys\":[\"");
    note_key_put(&b, &key);
    buf_str(&b, "\"]},\"evidence\":[{\"platform\":\"simulator\",\"root\":\"");
    for (int i = 0; i < 64; i++)
        buf_str(&b, "a");
    buf_str(&b, "\",\"mrenclave\":[\"");
    for (int i = 0; i < 64; i++)
        buf_str(&b, "b");
    buf_str(&b, "\"]}],\"history\":\"unwitnessed\"}");
    MUST(buf_err(&b) == TL_OK);
    save("policy", "simulator", buf_slice(&b));
    buf_finish(&b);
    save_str("policy", "empty", "{\"teelog_policy\":1}");
    save_str("policy", "quorum",
             "{\"teelog_policy\":1,\"history\":{\"quorum\":\"witness w witness.example/w1+2b855886+"
             "BDEsst9hi/mRcXbtbXEDDQXWSsbo7LBmyaN+QClwP93n\\nquorum w\\n\",\"faulty\":0,"
             "\"max_age_s\":60}}");
    save_str("policy", "others",
             "{\"teelog_policy\":1,\"tcb\":{\"accept\":[\"UpToDate\"]},"
             "\"admission\":{\"child\":true,\"attested\":[],\"bearer\":false},"
             "\"evidence\":[{\"platform\":\"tdx-dstack\",\"key_provider\":[\"kms\"]},"
             "{\"platform\":\"sgx-gramine\",\"mrenclave\":[\"00\"]}]}");
    save_str("policy", "rules",
             "{\"teelog_policy\":1,\"tcb\":{\"accept\":[\"OutOfDate\"],\"advisories\":{\"allow\":["
             "\"INTEL-SA-00828\"]},\"min_evaluation_number\":17,\"max_collateral_age_s\":60},"
             "\"attributes\":{\"allow\":[\"td-sept-ve\",\"sgx-debug\"],\"refuse\":[\"td-pks\"]}}");
    save_str("policy", "signer",
             "{\"teelog_policy\":1,\"evidence\":[{\"platform\":\"sgx-gramine\",\"mrsigner\":["
             "\"0000000000000000000000000000000000000000000000000000000000000000\"],"
             "\"isv_prod_id\":[0,1],\"min_isv_svn\":0}]}");
    save_str("policy", "dstack",
             "{\"teelog_policy\":1,\"evidence\":[{\"platform\":\"tdx-dstack\",\"app_id\":["
             "\"0000000000000000000000000000000000000000\"],\"os_image_hash\":["
             "\"0000000000000000000000000000000000000000000000000000000000000000\"],"
             "\"key_provider\":[\"kms:00\"]}]}");
}

/* Peers have entries of their own. */
static void admission_seed(void)
{
    buf b;
    buf_init(&b, 2000);
    buf_str(&b, "{\"teelog_policy\":1,\"admission\":{\"child\":false,\"bearer\":true,\"attested\":["
                "{\"platform\":\"sgx-gramine\",\"mrenclave\":[\"");
    for (int i = 0; i < 64; i++)
        buf_str(&b, "c");
    buf_str(&b, "\"]}]},\"evidence\":[{\"platform\":\"tdx-tsm\",\"mrtd\":[\"");
    for (int i = 0; i < 96; i++)
        buf_str(&b, "d");
    buf_str(&b, "\"]}],\"tcb\":{\"advisories\":{\"refuse\":[\"INTEL-SA-00828\"]}}}");
    MUST(buf_err(&b) == TL_OK);
    save("policy", "admission", buf_slice(&b));
    buf_finish(&b);
}

static void put_statement(buf *b, const struct statement *st)
{
    buf header;
    uint8_t signature[64];
    memset(signature, 0x11, sizeof signature);
    buf_init(&header, 1000);
    statement_header_put(&header, st);
    MUST(buf_err(&header) == TL_OK);
    statement_put(b, buf_slice(&header), &st->payload, signature);
    buf_finish(&header);
    MUST(buf_err(b) == TL_OK);
}

static void statement_seeds(void)
{
    slice origin = slice_str("fuzz.example/log"), agent = slice_str("agent");
    struct statement boot = {.kind = ST_BOOT,
                             .service = true,
                             .alg = COSE_ES256,
                             .origin = origin,
                             .subject = origin,
                             .type = slice_str("teelog.boot")};
    struct statement record = {.kind = ST_RECORD,
                               .alg = COSE_ES256,
                               .origin = origin,
                               .subject = agent,
                               .type = slice_str("tool:call"),
                               .seq = 70000,
                               .time_ms = 1700000000000,
                               .session = 300,
                               .has_prev = true,
                               .has_ref = true,
                               .ref = 5};
    buf b;
    buf_init(&b, 1000);
    put_statement(&b, &boot);
    save("statement", "boot", buf_slice(&b));
    save("cose", "sign1", buf_slice(&b));
    buf_reset(&b);
    put_statement(&b, &record);
    save("statement", "record", buf_slice(&b));
    buf_finish(&b);
}

static struct cose_ec2 a_point(enum cose_alg alg)
{
    struct sign_key key;
    struct cose_ec2 point;
    MUST(sign_key_generate(&key, alg) == TL_OK);
    sign_key_point(&key, &point);
    sign_key_free(&key);
    return point;
}

static struct body_boot a_boot(const slice key_text)
{
    return (struct body_boot){
        .log_key = key_text,
        .service = a_point(COSE_ES256),
        .heads = {.root = merkle_empty_root()},
        .config = {.platform = slice_str("simulator"),
                   .sealing = slice_str("simulator file"),
                   .admissions = 1 << ADMISSION_CHILD | 1 << ADMISSION_BEARER,
                   .has_command = true},
        .version = slice_str("0.1.0"),
    };
}

/* A data key that opens. */
static void recovery_seeds(void)
{
    static const uint8_t scalar[32] = {FUZZ_OWNER};
    struct log_keys k = {.origin = FUZZ_OWNER_LOG};
    struct es256_key *owner = NULL;
    buf b;
    buf_init(&b, RECOVERY_SIZE);
    MUST(es256_private(&owner, scalar) == TL_OK);
    MUST(recovery_wrap(&k, owner, &b) == TL_OK);
    save("recovery", "wrapped", buf_slice(&b));
    es256_free(owner);
    buf_finish(&b);
}

static void frame(buf *b, enum backup_kind kind, const char *text)
{
    buf_u8(b, (uint8_t)kind);
    buf_u32le(b, (uint32_t)strlen(text));
    buf_str(b, text);
}

/* Without the last frame, which the target makes. */
static void backup_seeds(void)
{
    const struct log_backup_info info = {.time_ms = FUZZ_TIME * 1000,
                                         .database_bytes = 5,
                                         .platform = "simulator",
                                         .version = "0.1.0"};
    uint8_t seed[32];
    struct note_key key = log_key(seed);
    buf b, header, note;
    buf_init(&b, 2000);
    buf_init(&header, 1000);
    buf_init(&note, 1000);
    MUST(note_sign(&note, slice_str(FUZZ_CHECKPOINT), &key, seed) == TL_OK);
    backup_header_put(&header, &info, buf_slice(&note));
    buf_str(&b, BACKUP_MAGIC);
    frame(&b, BACKUP_HEADER, "");
    b.n -= 4;
    buf_u32le(&b, (uint32_t)header.n);
    buf_bytes(&b, buf_slice(&header));
    frame(&b, BACKUP_FILE, BACKUP_DATABASE);
    save("backup", "empty", buf_slice(&b));
    b.n -= BACKUP_FRAME + sizeof BACKUP_DATABASE - 1;
    frame(&b, BACKUP_FILE, "collateral/tcb.json");
    frame(&b, BACKUP_FILE, "sim/root.key");
    frame(&b, BACKUP_PIECE, "key");
    frame(&b, BACKUP_FILE, BACKUP_DATABASE);
    frame(&b, BACKUP_PIECE, "data");
    frame(&b, BACKUP_PIECE, "b");
    save("backup", "files", buf_slice(&b));
    buf_finish(&b);
    buf_finish(&header);
    buf_finish(&note);
}

static void body_seeds(void)
{
    uint8_t salt[16] = {1}, seed[32], attributes[] = {0xa2, 0x61, 'a', 1, 0x61, 'b', 0x81, 0xf5};
    struct note_key key = log_key(seed);
    buf b, text;
    buf_init(&b, 2000);
    buf_init(&text, 200);
    struct body_record record = {SLICE_ARRAY(salt), slice_str("room"), slice_str("user"),
                                 slice_str("content"), SLICE_ARRAY(attributes)};
    body_record_put(&b, &record);
    save_chosen("body", "record", 0, buf_slice(&b));
    buf_reset(&b);
    note_key_put(&text, &key);
    struct body_boot boot = a_boot(buf_slice(&text));
    body_boot_put(&b, &boot);
    save_chosen("body", "boot", 1, buf_slice(&b));
    buf_reset(&b);
    struct body_session session = {.agent = a_point(COSE_ES256),
                                   .size = 1,
                                   .admission = ADMISSION_ATTESTED,
                                   .has_peer = true,
                                   .peer_spki = slice_str("spki"),
                                   .peer_claims = slice_str("claims")};
    body_session_put(&b, &session);
    save_chosen("body", "session", 2, buf_slice(&b));
    buf_reset(&b);
    cose_ec2_put(&b, &session.agent);
    save("cose", "key", buf_slice(&b));
    buf_reset(&b);
    session.agent = a_point(COSE_ES256K);
    body_session_put(&b, &session);
    save_chosen("body", "session_es256k", 2, buf_slice(&b));
    buf_reset(&b);
    cose_ec2_put(&b, &session.agent);
    save("cose", "key_es256k", buf_slice(&b));
    buf_reset(&b);
    uint64_t indexes[] = {3, 500};
    body_erasure_put(&b, indexes, 2, slice_str("asked for"));
    save_chosen("body", "erasure", 3, buf_slice(&b));
    buf_reset(&b);
    struct heads heads = {.size = 9, .n = 2};
    body_heads_put(&b, &heads);
    save_chosen("body", "heads", 4, buf_slice(&b));
    save_chosen("body", "end", 4, slice_str("\xa0"));
    save_chosen("body", "attributes", 5, SLICE_ARRAY(attributes));
    buf_finish(&b);
    buf_finish(&text);
}

static void put_item(buf *b, struct bundle_item item)
{
    bundle_item_put(b, &item);
    MUST(buf_err(b) == TL_OK);
}

/* One item of each kind and each proof; their meaning is not a reader's matter. */
static void bundle_seeds(void)
{
    buf b;
    buf_init(&b, 4000);
    struct bundle_item header = {.kind = BUNDLE_HEADER};
    header.u.header.checkpoint = slice_str(FUZZ_CHECKPOINT);
    header.u.header.evidence_count = 1;
    header.u.header.leaf_count = 2;
    header.u.header.proof_count = 3;
    header.u.header.anchor_count = 1;
    put_item(&b, header);
    struct bundle_item item = {.kind = BUNDLE_EVIDENCE};
    item.u.evidence.item = slice_str("evidence");
    put_item(&b, item);
    item = (struct bundle_item){.kind = BUNDLE_LEAF};
    item.u.leaf.statement = slice_str("statement");
    item.u.leaf.body = slice_str("body");
    put_item(&b, item);
    item.u.leaf.index = 7;
    item.u.leaf.body = slice_of(NULL, 0);
    put_item(&b, item);
    item = (struct bundle_item){.kind = BUNDLE_PROOF};
    item.u.proof.level = 1;
    item.u.proof.n = 3;
    put_item(&b, item);
    item.u.proof.number = 1;
    item.u.proof.type = PROOF_CONSISTENCY;
    item.u.proof.path_count = 2;
    put_item(&b, item);
    item.u.proof.number = 2;
    item.u.proof.type = PROOF_HEAD;
    item.u.proof.subject = slice_str("agent");
    put_item(&b, item);
    item = (struct bundle_item){.kind = BUNDLE_ANCHOR};
    item.u.anchor.size = 1;
    item.u.anchor.checkpoint = slice_str(FUZZ_CHECKPOINT);
    item.u.anchor.path_count = 1;
    put_item(&b, item);
    save_chosen("bundle", "each", 3, buf_slice(&b));
    size_t before = b.n;
    item = (struct bundle_item){.kind = BUNDLE_FRESH};
    item.u.fresh.answer.nonce = slice_str("0123456789abcdef");
    item.u.fresh.answer.mode = FRESH_UNWITNESSED;
    put_item(&b, item);
    save_chosen("bundle", "fresh", 5, buf_slice(&b));
    b.n = before;
    item.u.fresh.answer.mode = FRESH_FENCED;
    item.u.fresh.answer.has_cosigned = true;
    item.u.fresh.answer.agent = slice_str("agent");
    item.u.fresh.answer.count = 7;
    put_item(&b, item);
    save_chosen("bundle", "fresh_of_an_agent", 100, buf_slice(&b));
    buf_reset(&b);
    memset(&header.u, 0, sizeof header.u);
    put_item(&b, header);
    save_chosen("bundle", "header", 200, buf_slice(&b));
    buf_finish(&b);
}

/* Both kinds of chain, as DER behind a byte that chooses, and two lists. */
static void x509_seeds(void)
{
    static const uint8_t serials[2] = {0x71, 0xf2};
    const struct sim_revoked revoked[2] = {{{serials, 1}, FUZZ_TIME, {NULL, 0}},
                                           {{serials + 1, 1}, FUZZ_TIME, {NULL, 0}}};
    struct sim_chain_keys keys;
    struct sim_cert plan[3], signer;
    struct sim_crl list;
    buf b;
    buf_init(&b, 10000);
    MUST(es256_generate(&keys.root) == TL_OK && es256_generate(&keys.intermediate) == TL_OK &&
         es256_generate(&keys.pck) == TL_OK && es256_generate(&keys.signer) == TL_OK);
    MUST(sim_chain_plan(plan, &keys, FUZZ_TIME) == TL_OK);
    MUST(sim_signer_plan(&signer, &keys, FUZZ_TIME) == TL_OK);
    for (size_t i = 0; i < 3; i++)
        MUST(sim_cert_put(&b, &plan[i]) == TL_OK);
    save_chosen("chain", "pck", 1, buf_slice(&b));
    buf_reset(&b);
    MUST(sim_cert_put(&b, &signer) == TL_OK && sim_cert_put(&b, &plan[2]) == TL_OK);
    save_chosen("chain", "signer", 0, buf_slice(&b));
    sim_crl_plan(&list, sim_root_name, keys.root, FUZZ_TIME);
    buf_reset(&b);
    MUST(sim_crl_put(&b, &list) == TL_OK);
    save("crl", "empty", buf_slice(&b));
    list.revoked = revoked;
    list.revoked_count = 2;
    buf_reset(&b);
    MUST(sim_crl_put(&b, &list) == TL_OK);
    save("crl", "two", buf_slice(&b));
    buf_finish(&b);
    es256_free(keys.root);
    es256_free(keys.intermediate);
    es256_free(keys.pck);
    es256_free(keys.signer);
}

static void attest_seeds(void)
{
    struct sim_chain_keys keys;
    struct es256_key *attestation;
    struct sim_cert plan[3];
    struct sim_qe qe;
    struct sim_quote quote;
    buf pem, b;
    buf_init(&pem, 20000);
    buf_init(&b, 40000);
    MUST(es256_generate(&keys.root) == TL_OK && es256_generate(&keys.intermediate) == TL_OK &&
         es256_generate(&keys.pck) == TL_OK && es256_generate(&attestation) == TL_OK);
    MUST(sim_chain_plan(plan, &keys, FUZZ_TIME) == TL_OK && sim_chain_put(&pem, plan) == TL_OK);
    static const char *const names[] = {"leaf", "intermediate", "root"};
    for (size_t i = 0; i < 3; i++) {
        buf_reset(&b);
        MUST(sim_cert_put(&b, &plan[i]) == TL_OK);
        save("cert", names[i], buf_slice(&b));
    }
    buf_reset(&b);
    sgx_extension_put(&b, plan[0].sgx);
    save("sgx_extension", "processor", buf_slice(&b));
    struct sgx_extension platform = *plan[0].sgx;
    platform.platform_ca = platform.cached_keys = true;
    buf_reset(&b);
    sgx_extension_put(&b, &platform);
    save("sgx_extension", "platform", buf_slice(&b));
    save("pem", "chain", buf_slice(&pem));
    buf_reset(&b);
    pem_put(&b, slice_str("not a certificate"));
    buf_u8(&b, 0);
    save("pem", "short", buf_slice(&b));
    MUST(sim_qe_make(&qe, keys.pck, attestation) == TL_OK);
    sim_quote_plan(&quote, &qe, attestation, buf_slice(&pem));
    buf_reset(&b);
    MUST(sim_quote_put(&b, &quote) == TL_OK);
    save("quote", "simulated", buf_slice(&b));
    buf_finish(&b);
    buf_finish(&pem);
    es256_free(keys.root);
    es256_free(keys.intermediate);
    es256_free(keys.pck);
    es256_free(attestation);
}

static void save_evidence(const char *name, const struct evidence *e, slice collateral)
{
    buf b, item;
    buf_init(&b, 65536);
    buf_init(&item, 65535);
    evidence_put(&item, e);
    buf_u16be(&b, (uint16_t)item.n);
    buf_bytes(&b, buf_slice(&item));
    buf_bytes(&b, collateral);
    MUST(buf_err(&item) == TL_OK && buf_err(&b) == TL_OK);
    save("evidence", name, buf_slice(&b));
    buf_finish(&item);
    buf_finish(&b);
}

static void evidence_seeds(void)
{
    struct fake_dcap f;
    MUST(fake_dcap_init(&f, SIM_SGX_V3) == TL_OK && fake_dcap_make(&f) == TL_OK);
    struct evidence e = {slice_str("simulator"), buf_slice(&f.quote_bytes), {NULL, 0}};
    save_evidence("simulated", &e, buf_slice(&f.collateral_json));
    e.platform = slice_str("tdx-tsm");
    save_evidence("other-platform", &e, buf_slice(&f.collateral_json));
    e = (struct evidence){slice_str("tdx-dstack"), slice_str("quote"), slice_str("[]")};
    save_evidence("other", &e, (slice){NULL, 0});
    fake_dcap_finish(&f);
}

static void put_extension(buf *b, slice oid, slice value)
{
    struct sim_extension e = sim_extension_begin(b, oid, false);
    buf_bytes(b, value);
    sim_extension_end(b, e);
}

/* With collateral, and (bare) as Gramine's tools make one. */
static void save_ratls(const char *name, struct fake_dcap *f, bool bare)
{
    static const uint8_t serial[16] = {0x41};
    buf spki, dice, cmw, more, der;
    buf_init(&spki, 100);
    buf_init(&dice, RATLS_MAX);
    buf_init(&cmw, RATLS_MAX);
    buf_init(&more, RATLS_MAX);
    buf_init(&der, RATLS_MAX);
    sim_spki_put(&spki, f->stranger_key);
    ratls_report_data(f->quote.body.report_data, buf_slice(&spki));
    MUST(fake_dcap_make(f) == TL_OK);
    const struct evidence e = {slice_str("simulator"), buf_slice(&f->quote_bytes), {NULL, 0}};
    ratls_dice_put(&dice, e.quote, buf_slice(&spki));
    ratls_cmw_put(&cmw, &e, buf_slice(&f->collateral_json));
    put_extension(&more, SLICE_ARRAY(ratls_oid_dice), buf_slice(&dice));
    if (!bare)
        put_extension(&more, SLICE_ARRAY(ratls_oid_cmw), buf_slice(&cmw));
    struct sim_cert plan = {.issuer = "teelog",
                            .subject = "teelog",
                            .not_before = FUZZ_TIME,
                            .not_after = FUZZ_TIME,
                            .key = f->stranger_key,
                            .issuer_key = f->stranger_key,
                            .path_length = -1,
                            .more = buf_slice(&more),
                            .without = SIM_NO_AUTHORITY_KEY_ID | SIM_NO_CRL_POINTS |
                                       SIM_NO_SUBJECT_KEY_ID | SIM_NO_BASIC_CONSTRAINTS};
    memcpy(plan.serial, serial, sizeof serial);
    MUST(sim_cert_put(&der, &plan) == TL_OK);
    save("ratls", name, buf_slice(&der));
    buf_finish(&spki);
    buf_finish(&dice);
    buf_finish(&cmw);
    buf_finish(&more);
    buf_finish(&der);
}

static void ratls_seeds(void)
{
    struct fake_dcap f;
    MUST(fake_dcap_init(&f, SIM_SGX_V3) == TL_OK);
    save_ratls("whole", &f, false);
    save_ratls("bare", &f, true);
    fake_dcap_finish(&f);
}

/* Every kind of quote, plain, and with all that may be besides; and for one kind a
 * change to each part, and each signature bad. */
static void dcap_seeds(void)
{
    char name[32];
    for (uint8_t kind = 0; kind < SIM_KINDS; kind++) {
        const uint8_t plain[] = {kind, 0, 0, 0, 0}, all[] = {kind, 0x1f, 0, 0, 0},
                      leaf[] = {kind, 0x58, 0, 0, 0}, stranger[] = {kind, 0x80, 0, 0, 0};
        snprintf(name, sizeof name, "kind%u", kind);
        save("dcap", name, SLICE_ARRAY(plain));
        snprintf(name, sizeof name, "all%u", kind);
        save("dcap", name, SLICE_ARRAY(all));
        snprintf(name, sizeof name, "leaf%u", kind);
        save("dcap", name, SLICE_ARRAY(leaf));
        snprintf(name, sizeof name, "stranger%u", kind);
        save("dcap", name, SLICE_ARRAY(stranger));
    }
    for (uint8_t i = 0; i < 10; i++) {
        const uint8_t part[] = {SIM_TDX_V5_15, 0, 0, 0, 0, i, i % 4, 0, 100, 2, '1', '2'};
        snprintf(name, sizeof name, "part%u", i);
        save("dcap", name, SLICE_ARRAY(part));
    }
    for (uint8_t i = 0; i < 6; i++) {
        const uint8_t swap[] = {SIM_SGX_V3, 0x48, 0, 0, (uint8_t)(1 << i)};
        snprintf(name, sizeof name, "swap%u", i);
        save("dcap", name, SLICE_ARRAY(swap));
    }
    for (uint8_t i = 1; i <= 12; i++) {
        const uint8_t bad[] = {SIM_TDX_V4, 0, i, 0, 0};
        snprintf(name, sizeof name, "bad%u", i);
        save("dcap", name, SLICE_ARRAY(bad));
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIR\n", argv[0]);
        return 2;
    }
    root = argv[1];
    cbor_seeds();
    der_seeds();
    text_seeds();
    witness_seeds();
    receipt_check_seed();
    json_seeds();
    ask_seeds();
    tail_seeds();
    index_seeds();
    collateral_seeds();
    policy_seeds();
    admission_seed();
    statement_seeds();
    body_seeds();
    backup_seeds();
    recovery_seeds();
    bundle_seeds();
    x509_seeds();
    attest_seeds();
    evidence_seeds();
    ratls_seeds();
    dcap_seeds();
    return 0;
}
