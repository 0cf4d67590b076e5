/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every fuzz target includes.  A target is one function that is given
 * bytes; libFuzzer brings main() along and the sanitizers say what is wrong.
 * What they cannot see, a wrong answer, is an FBY_BUG_ON() in the target.
 */
#ifndef FBY_FUZZ_H
#define FBY_FUZZ_H

#include "shared/fby.h"

#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "shared/base/log.h"

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

/* By the judgement of another library. */
static inline bool
fuzz_is_utf8(const char *text)
{
	json_t *o = json_string(text);

	json_decref(o);
	return o != NULL;
}

/* A file with these bytes, to be read from its begin. */
static inline int
fuzz_file(const void *p, size_t len)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	FBY_BUG_ON(fd == -1 || write(fd, p, len) != (ssize_t)len ||
	    lseek(fd, 0, SEEK_SET) != 0);
	return fd;
}

/* The bytes as several texts, with a NUL between two of them. */
struct fuzz_texts {
	const char *p;
	size_t left;
	bool is_over;
};

/* The next one, which has no NUL at its end; NULL: there is no other. */
static inline const char *
fuzz_next(struct fuzz_texts *t, size_t *len)
{
	const char *text = t->p, *nul;

	*len = 0;
	if (t->is_over)
		return NULL;
	nul = t->left ? memchr(text, '\0', t->left) : NULL;
	*len = nul ? (size_t)(nul - text) : t->left;
	t->is_over = nul == NULL;
	t->p += *len + !t->is_over;
	t->left -= *len + !t->is_over;
	return text;
}

/* The next one, or "", as a string on the heap. */
static inline char *
fuzz_string(struct fuzz_texts *t)
{
	size_t len;
	const char *text = fuzz_next(t, &len);
	char *s = malloc(len + 1);

	FBY_BUG_ON(s == NULL);
	if (len > 0)
		memcpy(s, text, len);
	s[len] = '\0';
	return s;
}

#endif
