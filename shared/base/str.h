/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that grows.  The buffer is NUL-terminated at all times and may hold
 * any bytes before that; out of memory is fatal (mem.h).
 */
#ifndef FBY_STR_H
#define FBY_STR_H

#include "shared/fby.h"

#include <stdarg.h>

struct fby_str {
	char *p; /* never NULL after init */
	size_t len, cap;
};

/* A list of texts. */
struct fby_strings {
	const char **v;
	size_t n;
};

void fby_str_init(struct fby_str *s);
void fby_str_fini(struct fby_str *s);
void fby_str_reset(struct fby_str *s);
void fby_str_add(struct fby_str *s, const void *p, size_t len);
void fby_str_puts(struct fby_str *s, const char *text);
void fby_str_printf(struct fby_str *s, const char *fmt, ...) FBY_PRINTF(2, 3);

/*
 * Bytes for a line that people read: printable UTF-8 as it is; control
 * characters, backslash and broken UTF-8 as \n \t \r \\ or \xHH.
 */
void fby_str_escape(struct fby_str *s, const void *p, size_t len);

/* The same, but for backslashes, which stay: it may be escaped in parts. */
void fby_str_printable(struct fby_str *s, const void *p, size_t len);

/* The same for a text of several lines, whose ends stay. */
void fby_str_printable_lines(struct fby_str *s, const char *text);

/*
 * Length of the character at p, if it is one of well-formed UTF-8 (RFC 3629)
 * that needs more than one byte and is no control character; else 0.
 */
size_t fby_str_utf8(const void *p, size_t len);

/*
 * As printable as above, as much of it as `to` has room for; ended by NUL, and
 * not within a character.
 */
void fby_str_print_into(char *to, size_t size, const void *p, size_t len);

/*
 * The bytes as valid UTF-8: each longest piece that begins a character and does
 * not end one, and each byte that begins none, becomes U+FFFD.  This is what
 * Unicode recommends, and what Numaflow does.
 */
void fby_str_mend(struct fby_str *s, const void *p, size_t len);

/* The text, owned by the caller; the buffer is empty again. */
char *fby_str_take(struct fby_str *s);

/* Heap text; out of memory is fatal. */
char *fby_asprintf(const char *fmt, ...) FBY_PRINTF(1, 2);
char *fby_vasprintf(const char *fmt, va_list ap) FBY_PRINTF(1, 0);

#endif
