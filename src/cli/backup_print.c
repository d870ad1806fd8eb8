#include "cli/backup_print.h"

#include "base/calendar.h"
#include "base/encoding.h"
#include "codec/json_put.h"

#include <inttypes.h>
#include <stdio.h>

static tl_err print_json(const struct log_backup_info *info, const char *path)
{
    buf b;
    buf_init(&b, 65536);
    buf_str(&b, "{\"backup\":");
    json_put_str(&b, utf8_valid(slice_str(path)) ? path : "?");
    json_put_member(&b, "origin", info->origin);
    buf_str(&b, ",\"logId\":\"");
    hex_put(&b, hash_slice(&info->log_id));
    buf_u8(&b, '"');
    json_put_number(&b, "size", info->size);
    json_put_number(&b, "timeMs", info->time_ms);
    json_put_member(&b, "platform", info->platform);
    buf_printf(&b, ",\"final\":%s", info->final ? "true" : "false");
    json_put_number(&b, "databaseBytes", info->database_bytes);
    json_put_member(&b, "version", info->version);
    buf_str(&b, "}\n");
    tl_err err = buf_err(&b);
    if (err == TL_OK && fwrite(b.p, 1, b.n, stdout) != b.n)
        err = TL_E_IO;
    buf_finish(&b);
    return err;
}

tl_err backup_print(const struct log_backup_info *info, const char *path, bool json)
{
    char when[CALENDAR_TEXT];
    if (json)
        return print_json(info, path);
    bool simulated = strcmp(info->platform, "simulator") == 0;
    printf("%s: %s%s of %s, %" PRIu64 " statements, made %s by teelog %s\n", path,
           simulated ? "SIMULATED platform, " : "", info->final ? "final backup" : "backup",
           info->origin, info->size, calendar_text(when, info->time_ms / 1000), info->version);
    return TL_OK;
}
