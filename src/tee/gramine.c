/* SGX under Gramine: quotes and the sealing key from the files of /dev/attestation. They are
 * Gramine's own, inside the enclave; that no folder of the host stands in their place, the
 * measured manifest says. */
#include "base/encoding.h"
#include "base/reader.h"
#include "base/refuse.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "tee/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define GRAMINE_DIR      "/dev/attestation"
#define QUOTE_BYTES_MAX  8192 /* Gramine's own bound */
#define SIGNED_BYTES     432  /* of a quote: header and report, before the length of the rest */
#define TARGET_INFO_SIZE 512
#define TARGET_FLAGS_AT  32 /* MRENCLAVE stands before: 32 bytes */
#define FLAG_DEBUG       2

struct gramine {
    struct tee tee;
    char *dir;
};

static struct gramine *gramine_of(struct tee *t)
{
    return (struct gramine *)t; /* its first member */
}

static void gramine_close(struct tee *t)
{
    struct gramine *g = gramine_of(t);
    free(g->dir);
    free(g);
}

/* Its descriptor, or -1 with errno. */
static int open_file(const struct gramine *g, const char *name, int how)
{
    char path[4096];
    int fd, n = snprintf(path, sizeof path, "%s/%s", g->dir, name);
    if (n < 0 || (size_t)n >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    do
        fd = open(path, how | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* Until the end, since the size that stat tells is 0. The buffer's maximum bounds it. 0, or
 * errno; EFBIG where there is more. */
static int read_all(int fd, buf *out)
{
    for (;;) {
        uint8_t bytes[1024];
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0)
            buf_bytes(out, slice_of(bytes, (size_t)n));
        secret_wipe(bytes, sizeof bytes); /* a key may have been in it */
        if (REFUSED(buf_err(out) != TL_OK))
            return EFBIG;
        if (n == 0)
            return 0;
    }
}

/* 0, or errno. */
static int read_file(const struct gramine *g, const char *name, buf *out)
{
    int fd = open_file(g, name, O_RDONLY);
    if (fd < 0)
        return errno;
    int error = read_all(fd, out);
    close(fd);
    return error;
}

static bool is_there(const struct gramine *g, const char *name)
{
    int fd = open_file(g, name, O_RDONLY | O_NONBLOCK);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || errno != ENOENT;
}

static tl_err check_type(const struct gramine *g, struct tl_why *why)
{
    uint8_t mem[32];
    buf type;
    buf_init_fixed(&type, mem, sizeof mem);
    int error = read_file(g, "attestation_type", &type);
    if (error == ENOENT && is_there(g, "keys"))
        return tl_explain(why, TL_E_TEE, "tee",
                          "%.100s has keys and no attestation: this is gramine-direct, without "
                          "SGX; start it with gramine-sgx (SGX=1 make start)",
                          g->dir);
    if (error == ENOENT)
        return tl_explain(why, TL_E_TEE, "tee",
                          "there is no %.100s/attestation_type: this does not run under Gramine, "
                          "or its manifest lacks sgx.remote_attestation = \"dcap\"",
                          g->dir);
    if (error)
        return tl_explain(why, TL_E_TEE, "tee", "cannot read %.100s/attestation_type: %s", g->dir,
                          strerror(error));
    slice s = buf_slice(&type);
    if (slice_eq(s, slice_str("none")))
        return tl_explain(why, TL_E_TEE, "tee",
                          "the manifest has sgx.remote_attestation = \"none\", so that nobody "
                          "could check this log: set it to \"dcap\", sign the manifest again");
    if (REFUSED(!slice_eq(s, slice_str("dcap"))))
        return tl_explain(why, TL_E_TEE, "tee",
                          "the attestation type is \"%.*s\"; teelog's evidence is DCAP's: set "
                          "sgx.remote_attestation = \"dcap\" in the manifest, sign it again",
                          (int)s.n, (const char *)s.p);
    return TL_OK;
}

/* MRENCLAVE's key alone: the signer's would open to any enclave of his (DESIGN section 2). */
static tl_err gramine_sealing_key(struct tee *t, uint8_t out[32], struct tl_why *why)
{
    const struct gramine *g = gramine_of(t);
    uint8_t mem[16];
    buf key;
    buf_init_fixed(&key, mem, sizeof mem);
    int error = read_file(g, "keys/_sgx_mrenclave", &key);
    tl_err err = TL_OK;
    if (error)
        err = tl_explain(why, TL_E_TEE, "tee",
                         "cannot read the sealing key %.100s/keys/_sgx_mrenclave: %s", g->dir,
                         error == EFBIG ? "it has more than 16 bytes" : strerror(error));
    else if (REFUSED(key.n == 0))
        err = tl_explain(why, TL_E_TEE, "tee",
                         "the sealing key _sgx_mrenclave is empty: this is gramine-direct, "
                         "without SGX; start it with gramine-sgx (SGX=1 make start)");
    else if (REFUSED(key.n != sizeof mem))
        err = tl_explain(why, TL_E_TEE, "tee",
                         "the sealing key _sgx_mrenclave has %zu bytes instead of 16", key.n);
    else /* a log under a folder that was named is never one under the enclave's own */
        hkdf_sha256(out, 32, SLICE_ARRAY(mem), (slice){NULL, 0},
                    slice_str(t->stand_in ? "teelog/platform/sgx-gramine stand-in/v1"
                                          : "teelog/platform/sgx-gramine/v1"));
    secret_wipe(mem, sizeof mem);
    return err;
}

/* One write: each replaces the whole value. */
static tl_err write_report_data(const struct gramine *g, const uint8_t report_data[64],
                                struct tl_why *why)
{
    ssize_t n = -1;
    int fd = open_file(g, "user_report_data", O_WRONLY);
    if (fd >= 0) {
        do
            n = write(fd, report_data, 64);
        while (n < 0 && errno == EINTR);
    }
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (REFUSED(n != 64))
        return tl_explain(why, TL_E_TEE, "tee", "cannot write %.100s/user_report_data: %s", g->dir,
                          n < 0 ? strerror(error) : "it took a part of the 64 bytes");
    return TL_OK;
}

static const char *what_quote_lacks(int error)
{
    switch (error) {
    case EACCES:
        return "Gramine answers EACCES for each failure of the quoting service: look whether "
               "aesmd runs on the host and reaches its quote provider "
               "(libsgx-dcap-default-qpl, /etc/sgx_default_qcnl.conf)";
    case ENOENT:
        return "there is none, as with sgx.remote_attestation = \"none\" in the manifest";
    case EFBIG:
        return "it has more than the 8192 bytes of Gramine's quotes";
    default:
        return strerror(error);
    }
}

/* Its own length: the rest's stands after the signed part. */
static bool is_whole(slice q)
{
    reader r = reader_of(q);
    (void)reader_bytes(&r, SIGNED_BYTES);
    (void)reader_bytes(&r, reader_u32le(&r));
    return !REFUSED(reader_end(&r) != TL_OK);
}

static tl_err gramine_quote(struct tee *t, const uint8_t report_data[64], buf *quote,
                            buf *event_log, struct tl_why *why)
{
    (void)event_log; /* an enclave has none */
    const struct gramine *g = gramine_of(t);
    buf q;
    buf_init(&q, QUOTE_BYTES_MAX);
    tl_err err = write_report_data(g, report_data, why);
    int error = err == TL_OK ? read_file(g, "quote", &q) : 0;
    if (error)
        err = tl_explain(why, TL_E_TEE, "tee", "cannot read %.60s/quote: %s", g->dir,
                         what_quote_lacks(error));
    else if (err == TL_OK && !is_whole(buf_slice(&q)))
        err = tl_explain(why, TL_E_TEE, "tee",
                         "%.100s/quote gave %zu bytes, which is not the length that it tells",
                         g->dir, q.n);
    else if (err == TL_OK)
        buf_bytes(quote, buf_slice(&q));
    buf_finish(&q);
    return err;
}

static void gramine_identity(struct tee *t, buf *text)
{
    uint8_t mem[TARGET_INFO_SIZE];
    buf info;
    buf_init_fixed(&info, mem, sizeof mem);
    if (read_file(gramine_of(t), "my_target_info", &info) != 0 || info.n != sizeof mem)
        return;
    buf_str(text, "MRENCLAVE ");
    hex_put(text, slice_of(mem, 32));
    if (mem[TARGET_FLAGS_AT] & FLAG_DEBUG)
        buf_str(text, ", a DEBUG enclave, which no verifier takes");
}

static const struct tee_ops gramine_ops = {
    .platform = "sgx-gramine",
    .sealing = "sgx mrenclave",
    .keeps_keys = true,
    .close = gramine_close,
    .sealing_key = gramine_sealing_key,
    .quote = gramine_quote,
    .identity = gramine_identity,
};

tl_err gramine_open(struct tee **out, const char *path, struct tl_why *why)
{
    uint8_t key[32];
    struct gramine *g = calloc(1, sizeof *g);
    if (!g)
        return TL_E_MEMORY;
    g->tee.ops = &gramine_ops;
    g->dir = strdup(path ? path : GRAMINE_DIR);
    tl_err err = g->dir ? check_type(g, why) : TL_E_MEMORY;
    if (err == TL_OK)
        err = gramine_sealing_key(&g->tee, key, why); /* that there is one */
    secret_wipe(key, sizeof key);
    if (err == TL_OK)
        *out = &g->tee;
    else
        gramine_close(&g->tee);
    return err;
}
