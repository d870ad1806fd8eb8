/* What came of a recovery, for people and for programs. */
#include "base/encoding.h"
#include "cli/cli.h"
#include "cli/recover_out.h"
#include "codec/json_put.h"

#include <inttypes.h>
#include <stdio.h>

bool recover_out_all(const struct recover_out *o)
{
    return o->lost_statements == 0 && o->lost_bodies == 0 && o->has_bundle &&
           !o->found.stored_trouble && !o->found.given_trouble;
}

static void say_proof(const struct recover_out *o)
{
    const struct log_recovered *f = &o->found;
    char root[2 * sizeof f->root.b + 1];
    hex_text(root, f->root.b, sizeof f->root.b);
    if (f->has_checkpoint)
        cli_say("proven by the checkpoint of size %" PRIu64 " with root %s, signed by %s%s",
                f->size, root, f->log_key,
                o->key_given ? ""
                             : ", as the database names it: compare that with the key you know");
    if (o->only_signed)
        cli_say("%" PRIu64 " statements lie beyond what a checkpoint proves: they are signed, and "
                "that they stand at their own index, and that the key is the log's, is not shown",
                o->only_signed);
    if (f->stored_trouble)
        cli_say("the checkpoint in the database: %s", f->stored_trouble);
    if (f->given_trouble)
        cli_say("your checkpoint: %s", f->given_trouble);
    if (o->has_bundle)
        cli_say("%s/" RECOVERED_BUNDLE
                " is a bundle: whose log this is, `teelog verify` says under "
                "your policy. Anybody can make a log that opens under your recovery key",
                o->dir);
    else
        cli_say("no bundle of all of it was made: %s. %zu bundles hold parts. Whose log this is, "
                "its records alone do not show: anybody can make one that opens under your "
                "recovery key",
                tl_why_text(&o->no_bundle, TL_E_NOT_FOUND), o->parts);
    if (o->runs_left_out)
        cli_say("there are more gaps than %d: what lies behind them is in " RECOVERED_RECORDS
                " alone",
                RECOVER_RUNS_MAX);
}

static void say_text(const struct recover_out *o)
{
    cli_say("%s%s: %" PRIu64 " statements, of them %" PRIu64 " records: %" PRIu64
            " with their bodies, %" PRIu64 " erased; %" PRIu64 " statements and %" PRIu64
            " bodies are lost",
            o->found.origin, o->found.simulated ? " (SIMULATED platform)" : "", o->statements,
            o->records, o->opened, o->erased, o->lost_statements, o->lost_bodies);
    say_proof(o);
}

static tl_err say_json(const struct recover_out *o)
{
    const struct log_recovered *f = &o->found;
    buf b;
    buf_init(&b, 65536);
    buf_str(&b, "{\"origin\":");
    json_put_str(&b, f->origin);
    json_put_member(&b, "logKey", f->log_key);
    json_put_hex(&b, "recoveryKey", hash_slice(&o->owner));
    json_put_bool(&b, "simulated", f->simulated);
    json_put_number(&b, "statements", o->statements);
    json_put_number(&b, "onlySigned", o->only_signed);
    json_put_number(&b, "records", o->records);
    json_put_number(&b, "bodies", o->opened);
    json_put_number(&b, "erased", o->erased);
    json_put_number(&b, "lostStatements", o->lost_statements);
    json_put_number(&b, "lostBodies", o->lost_bodies);
    json_put_bool(&b, "bundle", o->has_bundle);
    if (!o->has_bundle)
        json_put_member(&b, "noBundle", tl_why_text(&o->no_bundle, TL_E_NOT_FOUND));
    json_put_number(&b, "parts", o->parts);
    if (f->has_checkpoint) {
        json_put_number(&b, "checkpointSize", f->size);
        json_put_hex(&b, "root", hash_slice(&f->root));
    }
    if (f->stored_trouble)
        json_put_member(&b, "storedCheckpoint", f->stored_trouble);
    if (f->given_trouble)
        json_put_member(&b, "givenCheckpoint", f->given_trouble);
    buf_str(&b, "}\n");
    tl_err err = buf_err(&b);
    if (err == TL_OK && (fwrite(b.p, 1, b.n, stdout) != b.n || fflush(stdout) != 0))
        err = TL_E_IO;
    buf_finish(&b);
    return err;
}

tl_err recover_out_say(const struct recover_out *o, bool json)
{
    if (json)
        return say_json(o);
    say_text(o);
    return TL_OK;
}
