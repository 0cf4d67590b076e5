/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every fuzz target includes.  A target is one function that is given
 * bytes; libFuzzer brings main() along and the sanitizers say what is wrong.
 * What they cannot see, a wrong answer, is an FBY_BUG_ON() in the target.
 */
#ifndef FBY_FUZZ_H
#define FBY_FUZZ_H

#include "shared/fby.h"

#include "shared/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Thousands of complaints a second are no news. */
static inline void
fuzz_quiet(void)
{
	fby_log_init("fuzz");
	fby_log_set_level(FBY_LOG_CRIT);
}

/* Lines of people: UTF-8, and nothing that a terminal would act on. */
static inline bool
fuzz_is_printable(const char *text)
{
	for (const unsigned char *p = (const void *)text; *p; p++)
		if ((*p < ' ' && *p != '\n') || *p == 0x7f ||
		    (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
			return false;
	return true;
}

#endif
