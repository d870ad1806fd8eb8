#include "tlog/merkle.h"

#include "base/refuse.h"

/* Sizes fit a signed 64-bit integer, as those of other implementations do; a
 * path is then never longer than MERKLE_MAX_PATH. */
#define SIZE_LIMIT INT64_MAX

hash32 merkle_empty_root(void)
{
    return sha256(slice_of("", 0));
}

hash32 merkle_leaf_hash(slice entry)
{
    const slice parts[] = {slice_of("\0", 1), entry};
    return sha256_parts(parts, 2);
}

hash32 merkle_node_hash(const hash32 *left, const hash32 *right)
{
    uint8_t bytes[1 + 2 * sizeof left->b] = {1};
    memcpy(bytes + 1, left->b, sizeof left->b);
    memcpy(bytes + 1 + sizeof left->b, right->b, sizeof right->b);
    return sha256(SLICE_ARRAY(bytes));
}

/* Puts h, the root of the 2^level leaves that come next, in its place. Each set
 * bit of size is a complete subtree, so this is an addition with carry. */
static void carry(struct merkle_frontier *f, unsigned level, hash32 h)
{
    unsigned at = level;
    for (; f->size >> at & 1; at++)
        h = merkle_node_hash(&f->nodes[at], &h);
    f->nodes[at] = h;
    f->size += UINT64_C(1) << level;
}

void merkle_frontier_add(struct merkle_frontier *f, const hash32 *leaf_hash)
{
    carry(f, 0, *leaf_hash);
}

tl_err merkle_frontier_add_subtree(struct merkle_frontier *f, unsigned level, const hash32 *root)
{
    if (REFUSED(f->size >= SIZE_LIMIT) || REFUSED(level > merkle_cover_level(f->size, SIZE_LIMIT)))
        return TL_E_PROOF;
    carry(f, level, *root);
    return TL_OK;
}

hash32 merkle_frontier_root(const struct merkle_frontier *f)
{
    if (f->size == 0)
        return merkle_empty_root();
    unsigned at = (unsigned)__builtin_ctzll(f->size);
    hash32 h = f->nodes[at];
    for (at++; at < 64; at++)
        if (f->size >> at & 1)
            h = merkle_node_hash(&f->nodes[at], &h);
    return h;
}

unsigned merkle_cover_level(uint64_t start, uint64_t end)
{
    unsigned longest = 63 - (unsigned)__builtin_clzll(end - start);
    unsigned aligned = start ? (unsigned)__builtin_ctzll(start) : 63;
    return aligned < longest ? aligned : longest;
}

/* RFC 9162 section 2.1.3.2. */
tl_err merkle_root_of_inclusion(hash32 *out, uint64_t index, uint64_t size, const hash32 *leaf_hash,
                                const hash32 *path, size_t path_count)
{
    if (REFUSED(index >= size))
        return TL_E_PROOF;
    uint64_t fn = index, sn = size - 1;
    hash32 r = *leaf_hash;
    for (size_t i = 0; i < path_count; i++, fn >>= 1, sn >>= 1) {
        if (REFUSED(sn == 0))
            return TL_E_PROOF;
        if (fn & 1 || fn == sn) {
            r = merkle_node_hash(&path[i], &r);
            for (; fn && !(fn & 1); fn >>= 1)
                sn >>= 1;
        } else {
            r = merkle_node_hash(&r, &path[i]);
        }
    }
    if (REFUSED(sn != 0))
        return TL_E_PROOF;
    *out = r;
    return TL_OK;
}

tl_err merkle_verify_inclusion(uint64_t index, uint64_t size, const hash32 *leaf_hash,
                               const hash32 *path, size_t path_count, const hash32 *root)
{
    hash32 r;
    tl_err err = merkle_root_of_inclusion(&r, index, size, leaf_hash, path, path_count);
    return err == TL_OK && REFUSED(!hash_eq(&r, root)) ? TL_E_PROOF : err;
}

/* m == 0 and m == n, where there is nothing to prove by hashing. */
static tl_err verify_trivial(uint64_t m, uint64_t n, const hash32 *old_root, const hash32 *new_root,
                             size_t path_count)
{
    hash32 empty = merkle_empty_root();
    if (REFUSED(path_count != 0) || REFUSED(m == 0 && !hash_eq(old_root, &empty)) ||
        REFUSED(m == n && !hash_eq(old_root, new_root)))
        return TL_E_PROOF;
    return TL_OK;
}

/* RFC 9162 section 2.1.4.2. 0 < m < n. */
static tl_err climb_from(hash32 *out, uint64_t m, uint64_t n, const hash32 *old_root,
                         const hash32 *path, size_t path_count)
{
    uint64_t fn = m - 1, sn = n - 1;
    size_t i = 0;
    hash32 fr = *old_root;
    if (m & (m - 1)) { /* the old tree is not itself one complete subtree */
        if (REFUSED(path_count == 0))
            return TL_E_PROOF;
        fr = path[i++];
    }
    hash32 sr = fr;
    for (; fn & 1; fn >>= 1)
        sn >>= 1;
    for (; i < path_count; i++, fn >>= 1, sn >>= 1) {
        if (REFUSED(sn == 0))
            return TL_E_PROOF;
        if (fn & 1 || fn == sn) {
            fr = merkle_node_hash(&path[i], &fr);
            sr = merkle_node_hash(&path[i], &sr);
            for (; fn && !(fn & 1); fn >>= 1)
                sn >>= 1;
        } else {
            sr = merkle_node_hash(&sr, &path[i]);
        }
    }
    if (REFUSED(sn != 0) || REFUSED(!hash_eq(&fr, old_root)))
        return TL_E_PROOF;
    *out = sr;
    return TL_OK;
}

tl_err merkle_root_of_consistency(hash32 *out, uint64_t m, uint64_t n, const hash32 *old_root,
                                  const hash32 *path, size_t path_count)
{
    if (REFUSED(m == 0) || REFUSED(m > n) || REFUSED(m == n && path_count != 0))
        return TL_E_PROOF;
    if (m < n)
        return climb_from(out, m, n, old_root, path, path_count);
    *out = *old_root;
    return TL_OK;
}

tl_err merkle_verify_consistency(uint64_t m, uint64_t n, const hash32 *old_root,
                                 const hash32 *new_root, const hash32 *path, size_t path_count)
{
    hash32 root;
    if (REFUSED(m > n))
        return TL_E_PROOF;
    if (m == 0 || m == n)
        return verify_trivial(m, n, old_root, new_root, path_count);
    tl_err err = climb_from(&root, m, n, old_root, path, path_count);
    return err == TL_OK && REFUSED(!hash_eq(&root, new_root)) ? TL_E_PROOF : err;
}

/* Root of the leaves [start, end), start a multiple of the least power of two
 * >= end - start. */
static tl_err subtree(const struct merkle_nodes *nodes, uint64_t start, uint64_t end, hash32 *out)
{
    hash32 parts[64];
    size_t n = 0;
    while (start < end) {
        unsigned level = merkle_cover_level(start, end);
        tl_err err = nodes->get(nodes->ctx, level, start >> level, &parts[n]);
        if (err != TL_OK)
            return err;
        n++;
        start += UINT64_C(1) << level;
    }
    if (n == 0) {
        *out = merkle_empty_root();
        return TL_OK;
    }
    /* The parts shrink from left to right: the smallest two join first. */
    for (; n > 1; n--)
        parts[n - 2] = merkle_node_hash(&parts[n - 2], &parts[n - 1]);
    *out = parts[0];
    return TL_OK;
}

tl_err merkle_root(const struct merkle_nodes *nodes, uint64_t size, hash32 *out)
{
    return subtree(nodes, 0, size, out);
}

/* Appends the siblings on the way from the node (level, n) to the root of a tree
 * of size leaves. The last node of a level may be an incomplete subtree; where
 * it stands on the left it has no sibling and goes up as it is. */
static tl_err climb(const struct merkle_nodes *nodes, unsigned level, uint64_t n, uint64_t size,
                    hash32 *path, size_t *count)
{
    for (uint64_t last = (size - 1) >> level; last; level++, n >>= 1, last >>= 1) {
        uint64_t sibling = n ^ 1;
        if (sibling > last)
            continue;
        uint64_t start = sibling << level;
        uint64_t width = UINT64_C(1) << level;
        uint64_t end = size - start < width ? size : start + width;
        tl_err err = subtree(nodes, start, end, &path[*count]);
        if (err != TL_OK)
            return err;
        ++*count;
    }
    return TL_OK;
}

tl_err merkle_prove_inclusion(const struct merkle_nodes *nodes, uint64_t index, uint64_t size,
                              hash32 *path, size_t *path_count)
{
    if (REFUSED(index >= size) || REFUSED(size > SIZE_LIMIT))
        return TL_E_RANGE;
    hash32 found[MERKLE_MAX_PATH];
    size_t n = 0;
    tl_err err = climb(nodes, 0, index, size, found, &n);
    if (err != TL_OK)
        return err;
    memcpy(path, found, n * sizeof found[0]);
    *path_count = n;
    return TL_OK;
}

tl_err merkle_prove_consistency(const struct merkle_nodes *nodes, uint64_t m, uint64_t n,
                                hash32 *path, size_t *path_count)
{
    if (REFUSED(m == 0) || REFUSED(m > n) || REFUSED(n > SIZE_LIMIT))
        return TL_E_RANGE;
    hash32 found[MERKLE_MAX_PATH];
    size_t count = 0;
    if (m < n) {
        /* The last complete subtree of the old tree is where both trees meet;
         * a verifier knows it already where it is the whole old tree. */
        unsigned level = (unsigned)__builtin_ctzll(m);
        uint64_t at = (m >> level) - 1;
        tl_err err = at ? nodes->get(nodes->ctx, level, at, &found[count++]) : TL_OK;
        if (err == TL_OK)
            err = climb(nodes, level, at, n, found, &count);
        if (err != TL_OK)
            return err;
    }
    memcpy(path, found, count * sizeof found[0]);
    *path_count = count;
    return TL_OK;
}

tl_err merkle_leaves_get(void *leaves, unsigned level, uint64_t n, hash32 *out)
{
    const struct merkle_leaves *l = leaves;
    if (REFUSED(level > 62) || REFUSED(n >= l->count >> level))
        return TL_E_RANGE;
    struct merkle_frontier f = {0};
    for (uint64_t i = n << level; i < (n + 1) << level; i++)
        merkle_frontier_add(&f, &l->hashes[i]);
    *out = merkle_frontier_root(&f);
    return TL_OK;
}
