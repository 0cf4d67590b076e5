/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of the log: whatever a broker, a manifest or a record has in a text,
 * it is one line of UTF-8 that no terminal acts on, and is whole.
 *
 * The first byte says that it goes to a journal (0x80), and how often the text
 * is repeated (low bits).
 */
#include "shared/fby.h"

/* A line is made behind a static. */
#include "shared/base/log.c"
#include "t/fuzz/fuzz.h"

#define TIMES 6 /* 2^n */

static void
check(enum fby_log_level level, const char *text)
{
	char line[LINE_BYTES + 1];
	const size_t n = make_line(line, level, text);

	FBY_BUG_ON(n > LINE_BYTES);
	line[n] = '\0';
	FBY_BUG_ON(strlen(line) != n);
	FBY_BUG_ON(strchr(line, '\n') != line + n - 1);
	FBY_BUG_ON(!fuzz_is_printable(line) || !fuzz_is_utf8(line));
}

/* As it is, or many times as long. */
static char *
repeat(const char *text, unsigned doublings)
{
	const size_t len = strlen(text);
	char *s = malloc((len << doublings) + 1);

	FBY_BUG_ON(s == NULL);
	for (size_t i = 0; i < 1u << doublings; i++)
		memcpy(s + i * len, text, len);
	s[len << doublings] = '\0';
	return s;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_texts t;
	char *text, *longer;

	if (size == 0)
		return 0;
	to_journal = data[0] & 0x80;
	t = (struct fuzz_texts){ .p = (const char *)data + 1,
		.left = size - 1 };
	text = fuzz_string(&t);
	longer = repeat(text, (data[0] & 0x7fu) % TIMES);
	check(FBY_LOG_NOTICE, longer);
	/* What is kept of it to be said again is cut. */
	is_too_many(FBY_LOG_WARN, "%s", longer);
	for (size_t i = 0; i < KINDS; i++)
		check(FBY_LOG_WARN, kinds[i].like);
	free(longer);
	free(text);
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
