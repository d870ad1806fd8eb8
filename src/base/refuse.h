/* REFUSED(condition): every check on hostile bytes is written through this.
 *
 * In a normal build it is the condition, no more. In a mutation build
 * (-DTL_MUTATE) each place registers itself, and one place at a time can be
 * taken out: scripts/mutants removes them in turn and expects a red test for
 * each. So a check without a test that needs it does not stay unnoticed. */
#ifndef TL_BASE_REFUSE_H
#define TL_BASE_REFUSE_H

#ifdef TL_MUTATE

struct tl_refusal {
    const char *file, *what;
    int line;
} __attribute__((aligned(32))); /* so that the section is an array of them */
extern const struct tl_refusal *tl_refusal_taken_out;

#define REFUSED(condition)                                                                         \
    __extension__({                                                                                \
        static const struct tl_refusal here                                                        \
            __attribute__((section("tl_refusals"), used)) = {__FILE__, #condition, __LINE__};      \
        (condition) && tl_refusal_taken_out != &here;                                              \
    })

#else

#define REFUSED(condition) __builtin_expect(!!(condition), 0)

#endif
#endif
