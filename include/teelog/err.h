/* Errors of teelog: one table, one type, a category in the high bits.
 *
 * A code is category << 8 | number. HTTP statuses and exit codes derive from
 * the category, so a caller who does not know a code still acts rightly.
 */
#ifndef TEELOG_ERR_H
#define TEELOG_ERR_H

#define TL_MUST __attribute__((warn_unused_result))

/* Categories, and what they become outside. */
enum tl_category {
    TL_CAT_OK = 0,
    TL_CAT_INPUT = 1,       /* malformed bytes or fields: HTTP 400, exit 1 */
    TL_CAT_USAGE = 2,       /* the caller's command line or API use: 400, exit 2 */
    TL_CAT_AUTH = 3,        /* not allowed: 401, exit 3 */
    TL_CAT_NOT_FOUND = 4,   /* 404, exit 3 */
    TL_CAT_CONFLICT = 5,    /* contradicts what is there: 409, exit 3 */
    TL_CAT_LIMIT = 6,       /* larger than allowed: 413, exit 3 */
    TL_CAT_UNAVAILABLE = 7, /* frozen, busy, stopping: 503, exit 3 */
    TL_CAT_SYSTEM = 8,      /* memory, disk, operating system: 500, exit 3 */
    TL_CAT_INTEGRITY = 9,   /* stored bytes are not what was stored: 500, exit 3 */
    TL_CAT_FORBIDDEN = 10,  /* known, and not allowed: 403, exit 3 */
    TL_CAT_RATE = 11,       /* too often: 429, exit 3 */
    TL_CAT_ROOM = 12,       /* no room on the disk, nothing was done: 507, exit 3 */
};

/* X(name, category, number, text). Numbers are stable and never reused. */
#define TL_ERROR_TABLE(X)                                                                          \
    X(OK, OK, 0, "no error")                                                                       \
    X(E_SHORT, INPUT, 1, "the data ends too early")                                                \
    X(E_TRAILING, INPUT, 2, "bytes are left over after the end")                                   \
    X(E_CBOR, INPUT, 3, "not deterministic CBOR (RFC 8949 section 4.2.1)")                         \
    X(E_TYPE, INPUT, 4, "a value has the wrong type")                                              \
    X(E_RANGE, INPUT, 5, "a value is out of range")                                                \
    X(E_DEPTH, INPUT, 6, "nested too deeply")                                                      \
    X(E_UTF8, INPUT, 7, "text is not valid UTF-8")                                                 \
    X(E_ENCODING, INPUT, 8, "not valid hex or base64")                                             \
    X(E_COSE, INPUT, 9, "not a COSE structure of the expected form")                               \
    X(E_KEY, INPUT, 10, "not a valid key")                                                         \
    X(E_STATEMENT, INPUT, 11, "not a teelog statement")                                            \
    X(E_BODY, INPUT, 12, "not a teelog body")                                                      \
    X(E_NOTE, INPUT, 13, "not a signed note (c2sp.org/signed-note)")                               \
    X(E_CHECKPOINT, INPUT, 14, "not a checkpoint (c2sp.org/tlog-checkpoint)")                      \
    X(E_PROOF, INPUT, 15, "a Merkle proof does not verify")                                        \
    X(E_SIGNATURE, INPUT, 16, "a signature does not verify")                                       \
    X(E_DER, INPUT, 17, "not strict DER")                                                          \
    X(E_CERT, INPUT, 18, "not a certificate of the expected form")                                 \
    X(E_QUOTE, INPUT, 19, "not a quote of a supported form")                                       \
    X(E_EVIDENCE, INPUT, 20, "not an evidence item")                                               \
    X(E_POLICY, INPUT, 21, "not a valid policy")                                                   \
    X(E_BUNDLE, INPUT, 22, "not a teelog bundle")                                                  \
    X(E_JSON, INPUT, 23, "not valid JSON")                                                         \
    X(E_FIELD, INPUT, 24, "a field is missing or wrong")                                           \
    X(E_HTTP, INPUT, 25, "not a request that this service takes")                                  \
    X(E_BACKUP, INPUT, 26, "not a teelog backup")                                                  \
    X(E_USAGE, USAGE, 1, "wrong usage")                                                            \
    X(E_TEE, USAGE, 2, "no usable trusted execution environment")                                  \
    X(E_AUTH, AUTH, 1, "not authorised")                                                           \
    X(E_NOT_FOUND, NOT_FOUND, 1, "not found")                                                      \
    X(E_REQUEST_REUSED, CONFLICT, 1, "this request id was used for another record")                \
    X(E_LOCKED, CONFLICT, 2, "another process has this log open")                                  \
    X(E_EXISTS, CONFLICT, 3, "it exists already")                                                  \
    X(E_HANDED_OVER, CONFLICT, 4, "this log was handed over to a backup")                          \
    X(E_LIMIT, LIMIT, 1, "larger than the limit")                                                  \
    X(E_FROZEN, UNAVAILABLE, 1, "the log is frozen")                                               \
    X(E_STOPPING, UNAVAILABLE, 2, "the service is stopping")                                       \
    X(E_BUSY, UNAVAILABLE, 3, "too much is waiting already")                                       \
    X(E_NO_QUOTE, UNAVAILABLE, 4, "the platform makes no quote now")                               \
    X(E_FENCED, UNAVAILABLE, 5, "the log waits for its witnesses before it goes on")               \
    X(E_NOT_COSIGNED, UNAVAILABLE, 6, "no quorum of witnesses has cosigned it in time")            \
    X(E_MEMORY, SYSTEM, 1, "out of memory")                                                        \
    X(E_IO, SYSTEM, 2, "input or output failed")                                                   \
    X(E_CRYPTO, SYSTEM, 3, "a cryptographic operation failed")                                     \
    X(E_COMMIT, SYSTEM, 4, "a commit failed or its outcome is unknown")                            \
    X(E_PEER, SYSTEM, 5, "another service answered otherwise than it should")                      \
    X(E_HEAD, INTEGRITY, 1,                                                                        \
      "the stored head is missing or was not written under this platform key")                     \
    X(E_STORED, INTEGRITY, 2, "stored data does not match the log's tree")                         \
    X(E_SEALED, INTEGRITY, 3, "a sealed value cannot be opened")                                   \
    X(E_FORBIDDEN, FORBIDDEN, 1, "this caller may not do that")                                    \
    X(E_RATE, RATE, 1, "too many requests")                                                        \
    X(E_FULL, ROOM, 1, "there is no room for more")

#define TL_ERR_ENUM(name, cat, num, text) TL_##name = TL_CAT_##cat << 8 | (num),
typedef enum tl_err { TL_ERROR_TABLE(TL_ERR_ENUM) } tl_err;
#undef TL_ERR_ENUM

/* The category of err. */
enum tl_category tl_err_category(tl_err err);
/* A short English sentence, static, never NULL. */
const char *tl_err_text(tl_err err);
/* The stable name, for example "E_CBOR", static, never NULL. */
const char *tl_err_name(tl_err err);
/* HTTP status and process exit code that the category stands for. */
int tl_err_http(tl_err err);
int tl_err_exit(tl_err err);

#endif
