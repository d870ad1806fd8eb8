#include "attest/rules_code.h"

#include "base/encoding.h"
#include "base/refuse.h"

#include <stdarg.h>
#include <stdio.h>

/* Why an entry does not match: how many of its members differ, and the first. */
struct difference {
    size_t count;
    const char *member; /* static */
    char text[120];
};

__attribute__((format(printf, 3, 4))) static void differ(struct difference *d, const char *member,
                                                         const char *fmt, ...)
{
    if (d->count++ > 0)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->text, sizeof d->text, fmt, ap);
    va_end(ap);
    d->member = member;
}

static bool listed(const struct measurement_list *list, slice value)
{
    for (size_t i = 0; i < list->count; i++)
        if (slice_eq(slice_of(list->bytes + i * list->size, list->size), value))
            return true;
    return false;
}

/* A list of an entry against a value; value.p == NULL: the evidence has none, as
 * absent says. */
static void compare_list(struct difference *d, const char *member,
                         const struct measurement_list *list, slice value, const char *absent)
{
    char hex[2 * TD_MR_SIZE + 1];
    if (list->count == 0)
        return;
    if (REFUSED(!value.p))
        differ(d, member, "%s", absent);
    else if (REFUSED(!listed(list, value))) {
        /* An event's payload may be of any length. */
        hex_text(hex, value.p, value.n < TD_MR_SIZE ? value.n : TD_MR_SIZE);
        differ(d, member, "is %s", hex);
    }
}

/* Names come from the host: what cannot be printed becomes '?'. */
static void printable(char *out, size_t size, slice text)
{
    size_t n = text.n < size - 1 ? text.n : size - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = (char)(text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?');
    out[n] = 0;
}

static void compare_key_provider(struct difference *d, const struct policy_evidence *e,
                                 const struct eventlog *events, const char *absent)
{
    char name[97];
    if (e->key_provider_count == 0)
        return;
    bool found = false;
    for (size_t i = 0; events && i < e->key_provider_count; i++)
        found |= slice_eq_str(events->key_provider_name, e->key_providers[i]);
    bool named = events && events->key_provider_name.n > 0;
    printable(name, sizeof name, named ? events->key_provider_name : slice_str(""));
    if (REFUSED(!found))
        differ(d, "key_provider", "%s%s", named ? "is " : "", named ? name : absent);
}

static void compare_enclave(struct difference *d, const struct policy_evidence *e,
                            const struct sgx_report *sgx, bool tdx)
{
    static const char absent[] = "is of enclaves, and the quote is of a TD";
    slice none = {NULL, 0};
    compare_list(d, "mrenclave", &e->mrenclave, tdx ? none : SLICE_ARRAY(sgx->mrenclave), absent);
    compare_list(d, "mrsigner", &e->mrsigner, tdx ? none : SLICE_ARRAY(sgx->mrsigner), absent);
    bool found = e->isv_prod_id_count == 0;
    for (size_t i = 0; i < e->isv_prod_id_count; i++)
        found |= e->isv_prod_ids[i] == sgx->isv_prod_id;
    if (REFUSED(!found))
        differ(d, "isv_prod_id", "is %u", sgx->isv_prod_id);
    if (REFUSED(e->has_min_isv_svn && sgx->isv_svn < e->min_isv_svn))
        differ(d, "min_isv_svn", "is %u, and the enclave's ISVSVN %u", e->min_isv_svn,
               sgx->isv_svn);
}

static void compare_td(struct difference *d, const struct policy_evidence *e,
                       const struct td_report *td, bool tdx)
{
    static const char absent[] = "is of TDs, and the quote is of an enclave";
    static const char *const names[] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
    const struct measurement_list *const rtmr[] = {&e->rtmr0, &e->rtmr1, &e->rtmr2, &e->rtmr3};
    slice none = {NULL, 0};
    compare_list(d, "mrtd", &e->mrtd, tdx ? SLICE_ARRAY(td->mr_td) : none, absent);
    for (size_t i = 0; i < 4; i++)
        compare_list(d, names[i], rtmr[i], tdx ? SLICE_ARRAY(td->rtmr[i]) : none, absent);
}

static void compare_events(struct difference *d, const struct policy_evidence *e,
                           const struct eventlog *events)
{
    const char *absent = events ? "is not in the event log"
                                : "is in the event log alone, and there is none (--event-log)";
    slice none = {NULL, 0};
    compare_list(d, "compose_hash", &e->compose_hash, events ? events->compose_hash : none, absent);
    compare_list(d, "app_id", &e->app_id, events ? events->app_id : none, absent);
    compare_list(d, "os_image_hash", &e->os_image_hash, events ? events->os_image_hash : none,
                 absent);
    compare_key_provider(d, e, events, absent);
}

static void compare(struct difference *d, const struct policy_evidence *e,
                    const struct code_shown *shown)
{
    char hex[2 * sizeof shown->quote->root.b + 1];
    bool tdx = quote_is_tdx(&shown->quote->quote);
    if (REFUSED(e->platform == PLATFORM_SIMULATOR &&
                !hash_eq(&e->simulator_root, &shown->quote->root))) {
        hex_text(hex, shown->quote->root.b, sizeof shown->quote->root.b);
        differ(d, "root", "is %s", hex);
    }
    compare_enclave(d, e, &shown->quote->sgx, tdx);
    compare_td(d, e, &shown->quote->td, tdx);
    compare_events(d, e, shown->events);
}

/* What a matching entry says about the code; its platform's members are those that
 * docs/policy.md lists as needed. */
static enum code_pin pin_of(const struct policy_evidence *e, bool tdx)
{
    bool rtmrs = e->mrtd.count && e->rtmr0.count && e->rtmr1.count && e->rtmr2.count;
    bool pinned = false;
    switch (e->platform) {
    case PLATFORM_SIMULATOR:
        pinned = tdx ? rtmrs && e->rtmr3.count : e->mrenclave.count != 0;
        break;
    case PLATFORM_SGX_GRAMINE:
        pinned = e->mrenclave.count != 0;
        if (!pinned && e->mrsigner.count && e->isv_prod_id_count && e->has_min_isv_svn)
            return CODE_SIGNER;
        break;
    case PLATFORM_TDX_DSTACK:
        pinned = rtmrs && e->compose_hash.count && e->key_provider_count;
        break;
    case PLATFORM_TDX_TSM:
        pinned = rtmrs && e->rtmr3.count;
        break;
    case PLATFORM_UNKNOWN:
        break;
    }
    return pinned ? CODE_PINNED : CODE_OPEN;
}

bool platform_fits(enum platform platform, bool tdx)
{
    switch (platform) {
    case PLATFORM_SGX_GRAMINE:
        return !tdx;
    case PLATFORM_TDX_DSTACK:
    case PLATFORM_TDX_TSM:
        return tdx;
    case PLATFORM_UNKNOWN:
    case PLATFORM_SIMULATOR:
        break;
    }
    return true;
}

void code_match(struct code_match *out, const struct code_shown *shown,
                const struct policy_evidence *entries, size_t count)
{
    bool tdx = quote_is_tdx(&shown->quote->quote);
    size_t nearest = SIZE_MAX;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < count; i++) {
        const struct policy_evidence *e = &entries[i];
        struct difference d = {0};
        if (!platform_fits(e->platform, tdx) ||
            (shown->platform != PLATFORM_UNKNOWN && e->platform != shown->platform))
            continue;
        out->candidates++;
        compare(&d, e, shown);
        enum code_pin pin = pin_of(e, tdx);
        if (d.count == 0 && (!out->match || pin > out->pin)) {
            out->match = true;
            out->pin = pin;
            out->entry = i;
        } else if (!out->match && d.count < nearest) {
            nearest = d.count;
            out->entry = i;
            snprintf(out->differs, sizeof out->differs, "%s %s", d.member, d.text);
        }
    }
}
