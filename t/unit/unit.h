/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every unit test includes: cmocka with its prerequisites, and TAP.
 * A test's name is a sentence.
 */
#ifndef FBY_UNIT_H
#define FBY_UNIT_H

#include "shared/fby.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define UNIT_RUN(tests)                            \
	(cmocka_set_message_output(CM_OUTPUT_TAP), \
	    cmocka_run_group_tests(tests, NULL, NULL))

/*
 * This machine or build cannot.  cmocka's skip() writes "not ok # SKIP", which
 * prove counts as a failure.
 */
#define UNIT_SKIP(why)                                 \
	do {                                           \
		print_message("# skipped: %s\n", why); \
		return;                                \
	} while (0)

#endif
