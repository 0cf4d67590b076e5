/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assertions that stay on in production.
 *
 * FBY_BUG_ON is for what only a defect of ours can cause: log and abort, so
 * that the supervisor's obituary and the core file show where.  FBY_COUNT_IF
 * is for what cannot happen but can be survived: it is counted, shown as
 * forebay_survived_total, and logged the first time.
 */
#ifndef FBY_BUG_H
#define FBY_BUG_H

#include <stdbool.h>
#include <stdint.h>

#define FBY_BUG_ON(cond)                                          \
	do {                                                      \
		if (__builtin_expect(!!(cond), 0))                \
			fby_bug_abort(__FILE__, __LINE__, #cond); \
	} while (0)

/* True if the odd thing happened, so that the caller can step round it. */
#define FBY_COUNT_IF(cond)                \
	(__builtin_expect(!!(cond), 0) && \
	    fby_bug_count(__FILE__, __LINE__, #cond))

__attribute__((noreturn)) void fby_bug_abort(const char *file, int line,
    const char *cond);
bool fby_bug_count(const char *file, int line, const char *cond);

/* How often FBY_COUNT_IF was true in this process. */
uint64_t fby_bug_counted(void);

#endif
