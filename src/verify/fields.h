/* Named fields in groups, written once for both renderings: as JSON for programs,
 * or in aligned columns for people. Group and field names are JSON's, static, and
 * a space stands for '_' in text. */
#ifndef TL_VERIFY_FIELDS_H
#define TL_VERIFY_FIELDS_H

#include "base/buf.h"

struct fields {
    buf *b; /* borrowed; its error is sticky */
    bool json;
    bool some; /* the group has a member already */
    unsigned depth;
};

/* A bit of a bit string and what it is called. */
struct bit_name {
    unsigned bit;
    const char *name;
};

void fields_begin(struct fields *f, buf *b, bool json);
void fields_end(struct fields *f);
void fields_open(struct fields *f, const char *group);
void fields_close(struct fields *f);

void fields_number(struct fields *f, const char *name, uint64_t v);
/* A number and what it means: in JSON the meaning is a member "NAME_name". */
void fields_code(struct fields *f, const char *name, uint64_t v, const char *meaning);
void fields_bool(struct fields *f, const char *name, bool v);
/* Bytes that are not printable ASCII are escaped in JSON, '?' in text; so are NULs
 * in both. */
void fields_text(struct fields *f, const char *name, slice text);
/* Lower case, in the order in which the bytes stand. */
void fields_hex(struct fields *f, const char *name, slice bytes);
/* Each byte as a number. */
void fields_bytes(struct fields *f, const char *name, slice bytes);
/* Little-endian bits, in hex and by name; one without a name is "bit 13". In JSON
 * the names are a member "NAME_bits". */
void fields_bits(struct fields *f, const char *name, slice bytes, const struct bit_name *names,
                 size_t count);
/* Unix seconds; in JSON a date-time of RFC 3339. */
void fields_time(struct fields *f, const char *name, uint64_t seconds);

#endif
