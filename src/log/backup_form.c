#include "log/backup_form.h"

#include "base/refuse.h"
#include "codec/cbor.h"
#include "tlog/checkpoint.h"

#include <stdio.h>

const char *const backup_folders[] = {"sim", LOG_COLLATERAL};
const size_t backup_folder_count = sizeof backup_folders / sizeof backup_folders[0];

bool backup_name_valid(slice name)
{
    if (name.n == 0 || name.n > BACKUP_NAME_BYTES || name.p[0] == '.' || name.p[0] == '-')
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!name.p[i] || !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "._-",
                                  name.p[i]))
            return false;
    return true;
}

void backup_header_put(buf *b, const struct log_backup_info *info, slice checkpoint)
{
    uint64_t label = 1;
    cbor_put_map(b, 7);
    cbor_put_uint(b, label++);
    cbor_put_bytes(b, checkpoint);
    cbor_put_uint(b, label++);
    cbor_put_bytes(b, hash_slice(&info->log_id));
    cbor_put_uint(b, label++);
    cbor_put_uint(b, info->time_ms);
    cbor_put_uint(b, label++);
    cbor_put_str(b, info->platform);
    cbor_put_uint(b, label++);
    cbor_put_bool(b, info->final);
    cbor_put_uint(b, label++);
    cbor_put_str(b, info->version);
    cbor_put_uint(b, label++);
    cbor_put_uint(b, info->database_bytes);
}

/* Texts of a hostile file go to terminals: printable ASCII alone. */
static void text_copy(cbor *c, char *out, size_t cap)
{
    slice s = cbor_text(c);
    bool plain = s.n < cap;
    for (size_t i = 0; plain && i < s.n; i++)
        plain = s.p[i] >= 0x20 && s.p[i] < 0x7f;
    if (REFUSED(!plain)) {
        cbor_fail(c, TL_E_BACKUP);
        return;
    }
    if (s.n)
        memcpy(out, s.p, s.n);
    out[s.n] = 0;
}

static tl_err read_checkpoint(struct log_backup_info *out, slice bytes)
{
    static _Thread_local struct note note;
    struct checkpoint c = {.size = 0};
    tl_err err = note_read(&note, bytes);
    if (err == TL_OK)
        err = checkpoint_read(&c, note.text);
    if (err != TL_OK || REFUSED(!origin_valid(c.origin)))
        return TL_E_BACKUP;
    memcpy(out->origin, c.origin.p, c.origin.n);
    out->size = c.size;
    return TL_OK;
}

tl_err backup_header_read(struct log_backup_info *out, slice bytes)
{
    struct log_backup_info v = {.size = 0};
    cbor c = cbor_of(bytes);
    slice order = {NULL, 0};
    cbor_map_of(&c, 7);
    cbor_label_is(&c, &order, 1);
    slice checkpoint = cbor_bytes(&c);
    cbor_label_is(&c, &order, 2);
    cbor_bytes_copy(&c, v.log_id.b, sizeof v.log_id.b);
    cbor_label_is(&c, &order, 3);
    v.time_ms = cbor_uint(&c, TL_INT_MAX);
    cbor_label_is(&c, &order, 4);
    text_copy(&c, v.platform, sizeof v.platform);
    cbor_label_is(&c, &order, 5);
    v.final = cbor_bool(&c);
    cbor_label_is(&c, &order, 6);
    text_copy(&c, v.version, sizeof v.version);
    cbor_label_is(&c, &order, 7);
    v.database_bytes = cbor_uint(&c, TL_INT_MAX);
    if (REFUSED(cbor_end(&c) != TL_OK))
        return TL_E_BACKUP;
    tl_err err = read_checkpoint(&v, checkpoint);
    if (err == TL_OK)
        *out = v;
    return err;
}
