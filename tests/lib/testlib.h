/* What the tests share: cmocka's headers in the order it wants, vectors, and
 * allocations that fail when told to. */
#ifndef TESTLIB_H
#define TESTLIB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/encoding.h"
#include "base/slice.h"

/* Reads a file whole; NULL where it is not there. The caller frees. */
uint8_t *test_file(const char *path, size_t *n);
/* A path below the folder of shared vectors (TEELOG_VECTORS, else
 * ../shared/vectors beside the source), or NULL, having said "skipped: …" once,
 * where that folder is absent. Static memory, overwritten by the next call. */
const char *test_vectors(const char *below);
/* A path below tests/ of the source tree. Static memory as above. */
const char *test_source(const char *below);
/* Hex text to a new buffer; fails the test on bad hex. */
uint8_t *test_hex(const char *hex, size_t *n);
/* A fresh directory, removed by test_rmdir. */
char *test_tmpdir(void);
void test_rmdir(char *dir); /* recursive, frees dir */

#define assert_ok(expr)        assert_string_equal(tl_err_name(expr), "OK")
#define assert_err(expr, want) assert_string_equal(tl_err_name(expr), tl_err_name(want))

/* Makes the n-th allocation from now (1 is the next) return NULL, once; 0 never.
 * Works in executables linked with alloc_wrap_args (tests/lib/meson.build). */
void test_fail_alloc(size_t n);
/* Whether the failure has been delivered. */
bool test_alloc_failed(void);

#endif
