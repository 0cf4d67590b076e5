/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that grows; see str.h.
 */
#include "shared/fby.h"

#include "shared/base/str.h"

#include "shared/base/mem.h"
#include "shared/base/utf8.h"

static void
reserve(struct fby_str *s, size_t more)
{
	size_t cap = s->cap ? s->cap : 64;

	if (s->len + more + 1 <= s->cap)
		return;
	while (cap < s->len + more + 1)
		cap *= 2;
	s->p = fby_realloc(s->p, cap);
	s->cap = cap;
}

void
fby_str_init(struct fby_str *s)
{
	memset(s, 0, sizeof(*s));
	reserve(s, 0);
	s->p[0] = '\0';
}

void
fby_str_fini(struct fby_str *s)
{
	free(s->p);
	memset(s, 0, sizeof(*s));
}

void
fby_str_reset(struct fby_str *s)
{
	s->len = 0;
	s->p[0] = '\0';
}

void
fby_str_add(struct fby_str *s, const void *p, size_t len)
{
	reserve(s, len);
	if (len)
		memcpy(s->p + s->len, p, len);
	s->len += len;
	s->p[s->len] = '\0';
}

void
fby_str_puts(struct fby_str *s, const char *text)
{
	fby_str_add(s, text, strlen(text));
}

void
fby_str_printf(struct fby_str *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	reserve(s, 0);
	va_start(ap, fmt);
	n = vsnprintf(s->p + s->len, s->cap - s->len, fmt, ap);
	va_end(ap);
	FBY_BUG_ON(n < 0);
	/* Mostly there was room. */
	if ((size_t)n >= s->cap - s->len) {
		reserve(s, (size_t)n);
		va_start(ap, fmt);
		vsnprintf(s->p + s->len, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	s->len += (size_t)n;
}

size_t
fby_str_utf8(const void *at, size_t len)
{
	const unsigned char *p = at;
	bool is_valid;
	size_t n;

	if (len == 0)
		return 0;
	n = fby_utf8_step(p, len, &is_valid);
	/* Below U+00A0 there are but control characters. */
	return is_valid && n > 1 && !(p[0] == 0xc2 && p[1] < 0xa0) ? n : 0;
}

static void
escape(struct fby_str *s, const void *p, size_t len, bool keep_backslash)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *b = p;
	size_t run = 0, i = 0, n;

	while (i < len) {
		char esc[4] = { '\\', 'x', 0, 0 };
		size_t esc_len = 2;

		n = b[i] >= 0x80 ? fby_str_utf8(b + i, len - i) :
		    b[i] == '\\' ? keep_backslash :
				   b[i] >= 0x20 && b[i] < 0x7f;
		if (n > 0) {
			i += n;
			continue;
		}
		if (i > run)
			fby_str_add(s, b + run, i - run);
		switch (b[i]) {
		case '\n':
			esc[1] = 'n';
			break;
		case '\r':
			esc[1] = 'r';
			break;
		case '\t':
			esc[1] = 't';
			break;
		case '\\':
			esc[1] = '\\';
			break;
		default:
			esc[2] = hex[b[i] >> 4];
			esc[3] = hex[b[i] & 15];
			esc_len = 4;
		}
		fby_str_add(s, esc, esc_len);
		run = ++i;
	}
	if (len > run)
		fby_str_add(s, b + run, len - run);
}

void
fby_str_escape(struct fby_str *s, const void *p, size_t len)
{
	escape(s, p, len, false);
}

void
fby_str_printable(struct fby_str *s, const void *p, size_t len)
{
	escape(s, p, len, true);
}

void
fby_str_printable_lines(struct fby_str *s, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		escape(s, text, len, true);
		text += len;
		if (*text == '\n')
			fby_str_add(s, text++, 1);
	}
}

void
fby_str_print_into(char *to, size_t size, const void *p, size_t len)
{
	struct fby_str s;
	size_t n;

	fby_str_init(&s);
	/* More would be cut off: no byte becomes less than itself. */
	fby_str_printable(&s, p, FBY_MIN(len, size + 3));
	n = fby_utf8_valid(s.p, FBY_MIN(s.len, size - 1));
	memcpy(to, s.p, n);
	to[n] = '\0';
	fby_str_fini(&s);
}

void
fby_str_mend(struct fby_str *s, const void *p, size_t len)
{
	const unsigned char *at = p;
	bool is_valid;
	size_t n;

	while (len > 0) {
		n = fby_utf8_valid(at, len);
		fby_str_add(s, at, n);
		at += n;
		len -= n;
		if (len == 0)
			break;
		n = fby_utf8_step(at, len, &is_valid);
		fby_str_puts(s, "\xef\xbf\xbd");
		at += n;
		len -= n;
	}
}

char *
fby_str_take(struct fby_str *s)
{
	char *p = s->p;

	memset(s, 0, sizeof(*s));
	return p;
}

char *
fby_vasprintf(const char *fmt, va_list ap)
{
	char *p;

	if (vasprintf(&p, fmt, ap) == -1)
		fby_mem_fatal();
	return p;
}

char *
fby_asprintf(const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = fby_vasprintf(fmt, ap);
	va_end(ap);
	return p;
}
