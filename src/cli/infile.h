/* Files that a command reads whole. */
#ifndef TL_CLI_INFILE_H
#define TL_CLI_INFILE_H

#include "base/buf.h"

/* Opens for reading; "-" is standard input. Says why and returns EXIT_FAILED where
 * it cannot. infile_close leaves standard input open. */
int infile_open(int *fd, const char *path);
void infile_close(int fd);
/* Up to cap bytes; *got == 0 only at the end. ctx: an int, the descriptor. The
 * shape that teelog_verify wants. */
tl_err infile_some(void *ctx, uint8_t *out, size_t cap, size_t *got);
/* Appends the whole file, which out's maximum bounds. Says why and returns an exit
 * code other than EXIT_GOOD where it cannot. */
int infile_read(buf *out, const char *path);
/* The same for what somebody else made and a verifier judges: of a file that is longer
 * than out's maximum the start is read. With a maximum above the verifier's own, it is
 * the verifier that finds it too long, and says so as of all that it refuses. */
int infile_read_start(buf *out, const char *path);
/* infile_read_start for a quote: as it is, as hex text (0x before it and white space in it
 * are passed over), or as that in the member "quote" of a JSON object, which dstack's
 * GetQuote answers with. out: empty, with a maximum. */
int infile_read_quote(buf *out, const char *path);

#endif
