/* Subjects in bytewise order of name. */
#ifndef TL_LOG_SORTED_H
#define TL_LOG_SORTED_H

#include "base/slice.h"
#include "teelog/err.h"

struct subject;

/* New ones are rare: each has cost a quote, and moving what is behind it half a megabyte
 * at most. */
struct sorted {
    struct subject **p; /* freed by whoever has it */
    size_t n, cap;
};

/* Where name is, or would be. */
size_t sorted_find(const struct sorted *s, slice name, bool *found);
/* Room for n in all. */
tl_err sorted_room(struct sorted *s, size_t n) TL_MUST;
/* There is room. */
void sorted_insert(struct sorted *s, size_t at, struct subject *subject);
void sorted_remove(struct sorted *s, size_t at);

#endif
