/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /metrics answers; see exposition.h.
 */
#include "shared/fby.h"

#include "master/admin/exposition.h"

#include <event2/buffer.h>
#include <zlib.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"

#include "master/admin/classic.h"
#include "master/admin/metrics.h"

#define FRESH_MS 1000
#define GZIP_LEVEL 1   /* the loop waits for it */
#define GZIP_WINDOW 31 /* deflateInit2(): 15, and 16 for gzip */
#define GZIP_MEMORY 8

struct fby_exposition_text {
	unsigned refs;
	size_t len;
	char *p; /* heap */
};

static void
unref(struct fby_exposition_text *t)
{
	if (t == NULL || --t->refs > 0)
		return;
	free(t->p);
	free(t);
}

static void
on_sent(const void *data, size_t len, void *arg)
{
	(void)data;
	(void)len;
	unref(arg);
}

void
fby_exposition_fini(struct fby_exposition *x)
{
	for (size_t f = 0; f < FBY_EXPOSITION_FORMATS; f++)
		for (size_t z = 0; z < 2; z++)
			unref(x->texts[f][z]);
	memset(x, 0, sizeof(*x));
}

/* ---- which one? ------------------------------------------------------- */

/* Is the word in a header's list, and not with q=0? */
static bool
accepts(const char *header, const char *word)
{
	const char *at = header ? strcasestr(header, word) : NULL, *end, *q;

	if (at == NULL)
		return false;
	end = at + strcspn(at, ",");
	q = strcasestr(at, "q=0");
	return q == NULL || q > end || strtod(q + 2, NULL) > 0;
}

enum fby_exposition_format
fby_exposition_choose(const char *accept)
{
	return !accepts(accept, "application/openmetrics-text") &&
		accepts(accept, "text/plain") ?
	    FBY_EXPOSITION_CLASSIC :
	    FBY_EXPOSITION_OPENMETRICS;
}

bool
fby_exposition_may_gzip(const char *accept_encoding)
{
	return accepts(accept_encoding, "gzip");
}

const char *
fby_exposition_type(enum fby_exposition_format format)
{
	return format == FBY_EXPOSITION_CLASSIC ? FBY_CLASSIC_TYPE :
						  FBY_METRICS_TYPE;
}

/* ---- making it -------------------------------------------------------- */

static struct fby_exposition_text *
new_text(char *p, size_t len)
{
	struct fby_exposition_text *t = fby_calloc(1, sizeof(*t));

	t->refs = 1;
	t->p = p;
	t->len = len;
	return t;
}

static struct fby_exposition_text *
compressed(const struct fby_exposition_text *plain)
{
	z_stream z = { .zalloc = Z_NULL };
	size_t size;
	char *p;

	if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
		Z_DEFAULT_STRATEGY) != Z_OK)
		fby_mem_fatal();
	size = deflateBound(&z, plain->len);
	p = fby_malloc(size);
	z.next_in = (Bytef *)plain->p;
	z.avail_in = (uInt)plain->len;
	z.next_out = (Bytef *)p;
	z.avail_out = (uInt)size;
	/* In one go, since the bound is kept. */
	FBY_BUG_ON(deflate(&z, Z_FINISH) != Z_STREAM_END);
	size = z.total_out;
	deflateEnd(&z);
	return new_text(p, size);
}

static struct fby_exposition_text *get(struct fby_exposition *x,
    struct fby_master *mst, enum fby_exposition_format format, bool gzip);

static struct fby_exposition_text *
make(struct fby_exposition *x, struct fby_master *mst,
    enum fby_exposition_format format, bool gzip)
{
	const struct fby_exposition_text *open;
	struct fby_str s;

	if (gzip)
		return compressed(get(x, mst, format, false));
	fby_str_init(&s);
	if (format == FBY_EXPOSITION_CLASSIC) {
		open = get(x, mst, FBY_EXPOSITION_OPENMETRICS, false);
		fby_classic_write(&s, open->p, open->len);
	} else {
		fby_metrics_write(&s, mst);
	}
	return new_text(s.p, s.len);
}

static struct fby_exposition_text *
get(struct fby_exposition *x, struct fby_master *mst,
    enum fby_exposition_format format, bool gzip)
{
	struct fby_exposition_text **t = &x->texts[format][gzip];
	int64_t now = fby_clock_mono();

	if (*t == NULL || now - x->made_at[format][gzip] >= FRESH_MS) {
		unref(*t);
		*t = make(x, mst, format, gzip);
		x->made_at[format][gzip] = now;
	}
	return *t;
}

size_t
fby_exposition_write(struct fby_exposition *x, struct fby_master *mst,
    enum fby_exposition_format format, bool gzip, struct evbuffer *out)
{
	struct fby_exposition_text *t = get(x, mst, format, gzip);

	if (out == NULL || t->len == 0)
		return t->len;
	t->refs++;
	if (evbuffer_add_reference(out, t->p, t->len, on_sent, t) == -1)
		unref(t);
	return t->len;
}
