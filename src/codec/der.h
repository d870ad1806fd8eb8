/* Distinguished Encoding Rules, ITU-T X.690 (02/2021), as certificates use them.
 *
 * The reading side takes only what a DER encoder could have written: definite,
 * minimal lengths, minimal integers, booleans of 00 or FF. It works on a reader
 * (base/reader.h): errors are sticky, and nothing is allocated or copied. Tags
 * are one byte; larger tag numbers do not occur in what teelog reads. */
#ifndef TL_CODEC_DER_H
#define TL_CODEC_DER_H

#include "base/buf.h"
#include "base/reader.h"

enum der_tag {
    DER_NONE = 0, /* end of input, or after an error */
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0a,
    DER_UTF8_STRING = 0x0c,
    DER_PRINTABLE_STRING = 0x13,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_CONTEXT_0 = 0xa0, /* explicit tags [0] and [3] */
    DER_CONTEXT_3 = 0xa3,
};

/* The tag of the next element, without reading it. */
uint8_t der_peek(const reader *r);
/* The contents of the next element, which must have this tag. */
slice der_take(reader *r, uint8_t tag);
/* The same element with its tag and length: the bytes that are signed. */
slice der_whole(reader *r, uint8_t tag);
/* A reader over the contents. Where the element is not there it carries the
 * error already. */
reader der_enter(reader *r, uint8_t tag);
/* Ends a reader of der_enter: its error, or leftover bytes, become r's error. */
void der_leave(reader *r, const reader *inner);

/* A non-negative INTEGER: its magnitude, big-endian, without the sign octet. */
slice der_magnitude(reader *r);
/* A non-negative INTEGER, or an ENUMERATED, of at most max. */
uint64_t der_uint(reader *r, uint64_t max);
uint64_t der_enum(reader *r, uint64_t max);
bool der_bool(reader *r);
/* The bytes of a BIT STRING without its first octet; *unused is 0 to 7. */
slice der_bits(reader *r, unsigned *unused);
/* A BIT STRING of named bits (X.690 11.2.2: trailing zero bits removed), at
 * most 16 of them; named bit i is 1 << i in the result. */
uint16_t der_named_bits(reader *r);
/* UTCTime or GeneralizedTime as RFC 5280 section 4.1.2.5 has them, as Unix
 * seconds; years before 1970 are refused. */
uint64_t der_time(reader *r);

/* Writing. Contents come first, their header is put before them by der_end. */
size_t der_begin(const buf *b);
void der_end(buf *b, size_t start, uint8_t tag);
void der_put(buf *b, uint8_t tag, slice contents);
/* magnitude is big-endian; leading zeros are dropped. */
void der_put_magnitude(buf *b, slice magnitude);
void der_put_uint(buf *b, uint64_t v);
void der_put_bool(buf *b, bool v);
/* bits: as der_named_bits returns them. */
void der_put_named_bits(buf *b, uint16_t bits);
/* UTCTime through 2049, GeneralizedTime after; at most the year 9999. */
void der_put_time(buf *b, uint64_t unix_seconds);

#endif
