/* check: invariants that stay on in release builds, and small compile-time helpers.
 * A failed PM_ASSERT ends the process; the supervisor restarts it, a path the crash tests walk. */
#ifndef PM_COMMON_CHECK_H
#define PM_COMMON_CHECK_H

/* The caller must look at the result. */
#define PM_MUST_CHECK __attribute__((warn_unused_result))

/* Number of elements of an array (not of a pointer). */
#define countof(array) (sizeof(array) / sizeof((array)[0]))

/* An invariant of ours: false means a bug, never bad input. Prints place and text to stderr, then abort(). */
#define PM_ASSERT(condition)                                                                                                               \
        do {                                                                                                                               \
                if (__builtin_expect(!(condition), 0))                                                                                     \
                        check_failed(__FILE__, __LINE__, #condition);                                                                      \
        } while (0)

/* A place that cannot be reached while the program is right. */
#define PM_UNREACHABLE() check_failed(__FILE__, __LINE__, "unreachable")

_Noreturn void check_failed(const char *file, int line, const char *what);

#endif
