/* The evidence entries of a policy: which platform, which code. */
#include "attest/policy_json.h"
#include "base/encoding.h"
#include "base/refuse.h"

#include <stdlib.h>

#define ON(platform)   (1u << (platform))
#define TDX            (ON(PLATFORM_TDX_DSTACK) | ON(PLATFORM_TDX_TSM))
#define WITH_MRENCLAVE (ON(PLATFORM_SIMULATOR) | ON(PLATFORM_SGX_GRAMINE))

/* The members that are lists of measurements, and the platforms that have them
 * (docs/policy.md). */
static const struct {
    const char *name;
    size_t offset, size; /* of the list in struct policy_evidence; bytes of a value */
    unsigned platforms;
} lists[] = {
    {"mrenclave", offsetof(struct policy_evidence, mrenclave), 32, WITH_MRENCLAVE},
    {"mrtd", offsetof(struct policy_evidence, mrtd), 48, TDX},
    {"rtmr0", offsetof(struct policy_evidence, rtmr0), 48, TDX},
    {"rtmr1", offsetof(struct policy_evidence, rtmr1), 48, TDX},
    {"rtmr2", offsetof(struct policy_evidence, rtmr2), 48, TDX},
    {"rtmr3", offsetof(struct policy_evidence, rtmr3), 48, ON(PLATFORM_TDX_TSM)},
    {"compose_hash", offsetof(struct policy_evidence, compose_hash), 32, ON(PLATFORM_TDX_DSTACK)},
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

/* The members that an entry for this platform may have; names has room for all. */
static void member_names(const char **names, enum platform platform)
{
    size_t n = 0;
    names[n++] = "platform";
    if (platform == PLATFORM_SIMULATOR)
        names[n++] = "root";
    if (platform == PLATFORM_TDX_DSTACK)
        names[n++] = "key_provider";
    for (size_t i = 0; i < LISTS; i++)
        if (lists[i].platforms & ON(platform))
            names[n++] = lists[i].name;
    names[n] = NULL;
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
    const char *names[LISTS + 4];
    tl_err err = read_platform(&e->platform, entry, at, why);
    if (err != TL_OK)
        return err;
    member_names(names, e->platform);
    err = json_members(entry, names, at, why);
    /* Without its root a simulator entry would trust whoever runs one. */
    if (err == TL_OK && e->platform == PLATFORM_SIMULATOR)
        err = read_hex(e->simulator_root.b, sizeof e->simulator_root.b,
                       json_object_get(entry, "root"), json_at_key(at, "root"), why);
    const json_t *providers = json_object_get(entry, "key_provider");
    if (err == TL_OK && providers)
        err = json_text_list(&e->key_providers, &e->key_provider_count, providers,
                             json_at_key(at, "key_provider"), why);
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
        text_list_free(entries[i].key_providers, entries[i].key_provider_count);
    }
    free(entries);
}
