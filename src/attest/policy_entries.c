#include "attest/policy_entries.h"

#include "attest/dcap.h"
#include "base/encoding.h"
#include "base/refuse.h"

#include <stdlib.h>

#define ON(platform) (1u << (platform))
#define SIM          ON(PLATFORM_SIMULATOR)
#define SGX          ON(PLATFORM_SGX_GRAMINE)
#define DSTACK       ON(PLATFORM_TDX_DSTACK)
#define TSM          ON(PLATFORM_TDX_TSM)

/* The members that are lists of measurements, and the platforms that have them
 * (docs/policy.md). */
static const struct {
    const char *name;
    size_t offset, size; /* of the list in struct policy_evidence; bytes of a value */
    unsigned platforms;
} lists[] = {
    {"mrenclave", offsetof(struct policy_evidence, mrenclave), 32, SIM | SGX},
    {"mrsigner", offsetof(struct policy_evidence, mrsigner), 32, SGX},
    {"mrtd", offsetof(struct policy_evidence, mrtd), 48, SIM | DSTACK | TSM},
    {"rtmr0", offsetof(struct policy_evidence, rtmr0), 48, SIM | DSTACK | TSM},
    {"rtmr1", offsetof(struct policy_evidence, rtmr1), 48, SIM | DSTACK | TSM},
    {"rtmr2", offsetof(struct policy_evidence, rtmr2), 48, SIM | DSTACK | TSM},
    {"rtmr3", offsetof(struct policy_evidence, rtmr3), 48, SIM | TSM},
    {"compose_hash", offsetof(struct policy_evidence, compose_hash), 32, DSTACK},
    {"app_id", offsetof(struct policy_evidence, app_id), 20, DSTACK},
    {"os_image_hash", offsetof(struct policy_evidence, os_image_hash), 32, DSTACK},
};
#define LISTS (sizeof lists / sizeof lists[0])

static struct measurement_list *list_of(struct policy_evidence *e, size_t i)
{
    return (struct measurement_list *)(void *)((char *)e + lists[i].offset);
}

static tl_err read_hex(uint8_t *out, size_t size, const json_t *v, struct json_at at,
                       struct tl_why *why)
{
    slice text;
    tl_err err = json_text(&text, v, at, why);
    if (err != TL_OK)
        return err;
    if (hex_read(out, size, text) != TL_OK)
        return json_wrong(why, at, "must be %zu hex digits", 2 * size);
    return TL_OK;
}

static tl_err read_measurements(struct measurement_list *out, size_t size, const json_t *v,
                                struct json_at at, struct tl_why *why)
{
    size_t n = 0;
    tl_err err = json_list(&n, v, 1, at, why);
    if (err != TL_OK)
        return err;
    out->bytes = calloc(n, size);
    if (!out->bytes)
        return TL_E_MEMORY;
    out->size = size;
    out->count = n;
    for (size_t i = 0; err == TL_OK && i < n; i++)
        err =
            read_hex(out->bytes + i * size, size, json_array_get(v, i), json_at_index(at, i), why);
    return err;
}

static tl_err read_prod_ids(struct policy_evidence *e, const json_t *v, struct json_at at,
                            struct tl_why *why)
{
    size_t n = 0;
    tl_err err = json_list(&n, v, 1, at, why);
    if (err != TL_OK)
        return err;
    e->isv_prod_ids = calloc(n, sizeof *e->isv_prod_ids);
    if (!e->isv_prod_ids)
        return TL_E_MEMORY;
    e->isv_prod_id_count = n;
    for (size_t i = 0; err == TL_OK && i < n; i++) {
        uint64_t id = 0;
        err = json_uint(&id, json_array_get(v, i), UINT16_MAX, json_at_index(at, i), why);
        e->isv_prod_ids[i] = (uint16_t)id;
    }
    return err;
}

/* The members that an entry for this platform may have; names has room for all. */
static void member_names(const char **names, enum platform platform)
{
    size_t n = 0;
    names[n++] = "platform";
    if (platform == PLATFORM_SIMULATOR)
        names[n++] = "root";
    if (platform == PLATFORM_TDX_DSTACK)
        names[n++] = "key_provider";
    if (platform == PLATFORM_SGX_GRAMINE) {
        names[n++] = "isv_prod_id";
        names[n++] = "min_isv_svn";
    }
    for (size_t i = 0; i < LISTS; i++)
        if (lists[i].platforms & ON(platform))
            names[n++] = lists[i].name;
    names[n] = NULL;
}

/* The members that are not lists of measurements. */
static tl_err read_others(struct policy_evidence *e, const json_t *entry, struct json_at at,
                          struct tl_why *why)
{
    tl_err err = TL_OK;
    uint64_t svn = 0;
    /* Without its root a simulator entry would trust whoever runs one. */
    if (e->platform == PLATFORM_SIMULATOR)
        err = read_hex(e->simulator_root.b, sizeof e->simulator_root.b,
                       json_object_get(entry, "root"), json_at_key(at, "root"), why);
    if (REFUSED(err == TL_OK && hash_eq(&e->simulator_root, &dcap_intel_root)))
        return json_wrong(why, json_at_key(at, "root"), "is Intel's, which is no simulator's");
    const json_t *providers = json_object_get(entry, "key_provider");
    if (err == TL_OK && providers)
        err = json_text_list(&e->key_providers, &e->key_provider_count, providers, 1,
                             json_at_key(at, "key_provider"), why);
    const json_t *prod_ids = json_object_get(entry, "isv_prod_id");
    if (err == TL_OK && prod_ids)
        err = read_prod_ids(e, prod_ids, json_at_key(at, "isv_prod_id"), why);
    const json_t *min_svn = json_object_get(entry, "min_isv_svn");
    if (err == TL_OK && min_svn) {
        err = json_uint(&svn, min_svn, UINT16_MAX, json_at_key(at, "min_isv_svn"), why);
        e->min_isv_svn = (uint16_t)svn;
        e->has_min_isv_svn = true;
    }
    return err;
}

static tl_err read_platform(enum platform *out, const json_t *entry, struct json_at at,
                            struct tl_why *why)
{
    slice name;
    at = json_at_key(at, "platform");
    tl_err err = json_text(&name, json_object_get(entry, "platform"), at, why);
    if (err != TL_OK)
        return err;
    *out = platform_from(name);
    if (REFUSED(*out == PLATFORM_UNKNOWN))
        return json_wrong(why, at, "must be one of simulator, sgx-gramine, tdx-dstack and tdx-tsm");
    return TL_OK;
}

static tl_err read_entry(struct policy_evidence *e, const json_t *entry, struct json_at at,
                         struct tl_why *why)
{
    const char *names[LISTS + 5];
    tl_err err = read_platform(&e->platform, entry, at, why);
    if (err != TL_OK)
        return err;
    member_names(names, e->platform);
    err = json_members(entry, names, at, why);
    if (err == TL_OK)
        err = read_others(e, entry, at, why);
    for (size_t i = 0; err == TL_OK && i < LISTS; i++) {
        const json_t *v = json_object_get(entry, lists[i].name);
        if (v)
            err = read_measurements(list_of(e, i), lists[i].size, v, json_at_key(at, lists[i].name),
                                    why);
    }
    return err;
}

tl_err policy_entries_read(struct policy_evidence **out, size_t *count, const json_t *v,
                           struct json_at at, struct tl_why *why)
{
    size_t n = 0;
    tl_err err = json_list(&n, v, 0, at, why);
    if (err != TL_OK || n == 0) /* an empty list pins nothing */
        return err;
    struct policy_evidence *entries = calloc(n, sizeof *entries);
    if (!entries)
        return TL_E_MEMORY;
    for (size_t i = 0; err == TL_OK && i < n; i++)
        err = read_entry(&entries[i], json_array_get(v, i), json_at_index(at, i), why);
    if (err != TL_OK) {
        policy_entries_free(entries, n);
        return err;
    }
    *out = entries;
    *count = n;
    return TL_OK;
}

void policy_entries_free(struct policy_evidence *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < LISTS; k++)
            free(list_of(&entries[i], k)->bytes);
        free(entries[i].isv_prod_ids);
        text_list_free(entries[i].key_providers, entries[i].key_provider_count);
    }
    free(entries);
}
