/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings by other clients' names, and words that are nearly the right ones:
 * two texts, key and value.  What is said of them goes into one sentence.
 */
#include "shared/fby.h"

#include "shared/base/nearest.h"
#include "shared/settings/names.h"
#include "t/fuzz/fuzz.h"

static void
check(const char *said)
{
	FBY_BUG_ON(said && (*said == '\0' || !fuzz_is_printable(said)));
	FBY_BUG_ON(said && strchr(said, '\n'));
}

static void
look_near(const char *word, const char *candidate)
{
	struct fby_nearest n;

	fby_nearest_init(&n, word);
	fby_nearest_try(&n, "auto.offset.reset");
	fby_nearest_try(&n, candidate);
	/* Nothing is nearer to a word than the word. */
	if (strlen(word) <= 64) {
		fby_nearest_try(&n, word);
		FBY_BUG_ON(n.distance != 0 || strcmp(n.best, word) != 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_texts t = { .p = (const char *)data, .left = size };
	char *key = fuzz_string(&t), *value = fuzz_string(&t);

	check(fby_kafka_names_foreign(key));
	check(fby_kafka_names_value(key, value));
	look_near(key, value);
	free(key);
	free(value);
	return 0;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_quiet();
	return 0;
}
