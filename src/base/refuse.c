#include "base/refuse.h"

#ifdef TL_MUTATE
const struct tl_refusal *tl_refusal_taken_out;
#else
typedef int tl_refuse_has_no_code; /* ISO C wants one declaration in a file */
#endif
