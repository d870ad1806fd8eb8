/* Backups, read but not written anywhere: as they are, and with the sum that they need. Of
 * what is whole, a second and plainer reading must say the same. */
#include "crypto/hash.h"
#include "fuzz.h"
#include "log/backup_form.h"

#include <string.h>

static const struct log_restore_progress no_progress;

static tl_err whole(slice bytes, struct log_backup_info *info)
{
    struct log_restore *r = NULL;
    struct tl_why why = {{0}, {0}};
    tl_err err = log_restore_new(&r, (struct byte_source){slice_source_read, &bytes}, info, &why);
    if (err == TL_OK)
        err = log_restore_check(r, no_progress, &why);
    log_restore_free(r);
    MUST(utf8_valid(slice_str(why.text)));
    MUST(err == TL_OK || why.text[0]);
    return err;
}

static void plain_ascii(const char *text, size_t cap)
{
    MUST(strlen(text) < cap);
    for (; *text; text++)
        MUST(*text >= 0x20 && *text < 0x7f);
}

/* Of whole ones alone. */
static void walk(slice in)
{
    char last[BACKUP_PATH_MAX] = "";
    size_t frames = 0;
    uint8_t kind = BACKUP_HEADER;
    MUST(slice_eq_str(take_front(&in, BACKUP_MAGIC_SIZE), BACKUP_MAGIC));
    for (; in.n; frames++) {
        slice start = take_front(&in, BACKUP_FRAME);
        MUST(start.n == BACKUP_FRAME && kind != BACKUP_END);
        kind = start.p[0];
        size_t n = start.p[1] | (size_t)start.p[2] << 8 | (size_t)start.p[3] << 16 |
                   (size_t)start.p[4] << 24;
        slice bytes = take_front(&in, n);
        MUST(bytes.n == n && n <= BACKUP_FRAME_MAX && (kind == BACKUP_HEADER) == (frames == 0));
        if (kind != BACKUP_FILE)
            continue;
        char path[BACKUP_PATH_MAX] = "";
        MUST(n < sizeof path);
        memcpy(path, bytes.p, n);
        MUST(strcmp(path, last) > 0 && strlen(path) == n && !strstr(path, ".."));
        MUST(strcmp(path, BACKUP_DATABASE) == 0 || strncmp(path, "sim/", 4) == 0 ||
             strncmp(path, "collateral/", 11) == 0);
        memcpy(last, path, sizeof last);
    }
    MUST(kind == BACKUP_END && strcmp(last, BACKUP_DATABASE) == 0);
}

static void read_one(slice in)
{
    struct log_backup_info info = {.size = 0};
    if (whole(in, &info) != TL_OK)
        return;
    MUST(info.time_ms <= TL_INT_MAX && info.database_bytes <= TL_INT_MAX);
    plain_ascii(info.origin, sizeof info.origin);
    plain_ascii(info.platform, sizeof info.platform);
    plain_ascii(info.version, sizeof info.version);
    walk(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    hash32 sum = sha256(in);
    buf b;
    read_one(in);
    buf_init(&b, size + 64);
    buf_bytes(&b, in);
    buf_u8(&b, BACKUP_END);
    buf_u32le(&b, sizeof sum.b);
    buf_bytes(&b, hash_slice(&sum));
    read_one(buf_slice(&b));
    buf_finish(&b);
    return 0;
}
