/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /metrics answers; see exposition.h.
 */
#include "shared/fby.h"

#include "master/admin/exposition.h"

#include <event2/buffer.h>
#include <event2/event.h>
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

#define PIECE_BYTES (256 << 10) /* of a text that is made another of */
#define NONE FBY_EXPOSITION_FORMS

struct fby_exposition_text {
	unsigned refs;
	int64_t begun_at; /* monotonic: what it tells is no older */
	size_t len;
	char *p; /* heap */
};

struct fby_exposition_making {
	int64_t begun_at;
	struct fby_str s;                 /* what there is of it */
	struct fby_metrics_text *metrics; /* or: */
	struct fby_exposition_text *of;   /* NULL: it is not whole yet */
	size_t at;                        /* in `of` */
	struct fby_classic classic;
	z_stream z;
	bool deflates;
};

struct fby_exposition_waiter {
	size_t form;
	fby_exposition_fn fn;
	void *arg;
	struct fby_exposition_waiter *next;
};

static size_t
form_of(enum fby_exposition_format format, bool gzip)
{
	return 2 * (size_t)format + gzip;
}

static bool
is_gzip(size_t form)
{
	return form % 2 == 1;
}

/* Of which other form it is made; NONE: of what is measured. */
static size_t
made_of(size_t form)
{
	static const size_t of[FBY_EXPOSITION_FORMS] = {
		NONE,                           /* OpenMetrics */
		2 * FBY_EXPOSITION_OPENMETRICS, /* and gzip */
		2 * FBY_EXPOSITION_OPENMETRICS, /* classic */
		2 * FBY_EXPOSITION_CLASSIC,     /* and gzip */
	};

	return of[form];
}

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

static bool
is_fresh(const struct fby_exposition_text *t, int64_t now)
{
	return t != NULL && now - t->begun_at < FRESH_MS;
}

static void
make_of(struct fby_exposition_making *mk, size_t form,
    struct fby_exposition_text *of)
{
	of->refs++;
	mk->of = of;
	mk->begun_at = of->begun_at;
	if (!is_gzip(form))
		return;
	if (deflateInit2(&mk->z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW,
		GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		fby_mem_fatal();
	mk->deflates = true;
}

static void
begin(struct fby_exposition *x, size_t form, int64_t now)
{
	size_t of = made_of(form);
	struct fby_exposition_making *mk;

	if (x->makings[form] != NULL)
		return;
	mk = x->makings[form] = fby_calloc(1, sizeof(*mk));
	fby_str_init(&mk->s);
	if (of == NONE) {
		mk->begun_at = now;
		mk->metrics = fby_metrics_begin(x->mst);
	} else if (is_fresh(x->texts[of], now)) {
		make_of(mk, form, x->texts[of]);
	} else {
		begin(x, of, now);
	}
}

static void
end(struct fby_exposition_making *mk)
{
	if (mk == NULL)
		return;
	fby_metrics_end(mk->metrics);
	unref(mk->of);
	if (mk->deflates)
		deflateEnd(&mk->z);
	fby_str_fini(&mk->s);
	free(mk);
}

static bool
deflate_piece(struct fby_exposition_making *mk)
{
	size_t left = mk->of->len - mk->at, n = FBY_MIN(left, PIECE_BYTES);
	size_t room = deflateBound(&mk->z, n) + 64;
	char *buf = fby_malloc(room);
	int rc;

	mk->z.next_in = (Bytef *)mk->of->p + mk->at;
	mk->z.avail_in = (uInt)n;
	do {
		mk->z.next_out = (Bytef *)buf;
		mk->z.avail_out = (uInt)room;
		rc = deflate(&mk->z, n == left ? Z_FINISH : Z_NO_FLUSH);
		FBY_BUG_ON(rc == Z_STREAM_ERROR);
		fby_str_add(&mk->s, buf, room - mk->z.avail_out);
	} while (mk->z.avail_out == 0);
	free(buf);
	mk->at += n;
	return n < left;
}

/* The next piece; false: that was the last. */
static bool
make_piece(struct fby_exposition_making *mk)
{
	if (mk->metrics)
		return fby_metrics_next(mk->metrics, &mk->s);
	if (mk->deflates)
		return deflate_piece(mk);
	mk->at += fby_classic_write(&mk->classic, &mk->s, mk->of->p + mk->at,
	    mk->of->len - mk->at, PIECE_BYTES);
	return mk->at < mk->of->len;
}

/* Those that ask from here on are not called by this. */
static void
tell(struct fby_exposition *x, size_t form)
{
	struct fby_exposition_waiter **at = &x->waiters, *due = NULL, *w;

	while ((w = *at) != NULL) {
		if (w->form != form) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		w->next = due;
		due = w;
	}
	while ((w = due) != NULL) {
		due = w->next;
		w->fn(w->arg, x->texts[form]);
		free(w);
	}
}

static void
finish(struct fby_exposition *x, size_t form)
{
	struct fby_exposition_making *mk = x->makings[form];
	struct fby_exposition_text *t = fby_calloc(1, sizeof(*t));

	t->refs = 1;
	t->begun_at = mk->begun_at;
	t->len = mk->s.len;
	t->p = fby_str_take(&mk->s);
	unref(x->texts[form]);
	x->texts[form] = t;
	x->makings[form] = NULL;
	end(mk);
	for (size_t i = 0; i < FBY_EXPOSITION_FORMS; i++)
		if (x->makings[i] && x->makings[i]->of == NULL &&
		    made_of(i) == form)
			make_of(x->makings[i], i, t);
	tell(x, form);
}

/* In a turn of its own: what else is due comes in between. */
static void
go_on(struct fby_exposition *x)
{
	const struct timeval now = { 0 };

	for (size_t i = 0; i < FBY_EXPOSITION_FORMS; i++)
		if (x->makings[i]) {
			evtimer_add(&x->ev_piece, &now);
			return;
		}
}

static void
on_piece(evutil_socket_t fd, short what, void *arg)
{
	struct fby_exposition *x = arg;
	struct fby_exposition_making *mk;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < FBY_EXPOSITION_FORMS; i++) {
		mk = x->makings[i];
		if (mk == NULL || (mk->metrics == NULL && mk->of == NULL))
			continue;
		if (!make_piece(mk))
			finish(x, i);
		break;
	}
	go_on(x);
}

/* ---- asking for it ---------------------------------------------------- */

void
fby_exposition_ask(struct fby_exposition *x, enum fby_exposition_format format,
    bool gzip, fby_exposition_fn fn, void *arg)
{
	size_t form = form_of(format, gzip);
	int64_t now = fby_clock_mono();
	struct fby_exposition_waiter *w;

	if (is_fresh(x->texts[form], now)) {
		fn(arg, x->texts[form]);
		return;
	}
	w = fby_malloc(sizeof(*w));
	*w = (struct fby_exposition_waiter){ form, fn, arg, x->waiters };
	x->waiters = w;
	begin(x, form, now);
	go_on(x);
}

size_t
fby_exposition_len(const struct fby_exposition_text *text)
{
	return text->len;
}

void
fby_exposition_send(struct fby_exposition_text *text, struct evbuffer *out)
{
	if (text->len == 0)
		return;
	text->refs++;
	if (evbuffer_add_reference(out, text->p, text->len, on_sent, text) ==
	    -1)
		unref(text);
}

/* ---- life ------------------------------------------------------------- */

void
fby_exposition_init(struct fby_exposition *x, struct event_base *base,
    struct fby_master *mst)
{
	*x = (struct fby_exposition){ .mst = mst };
	evtimer_assign(&x->ev_piece, base, on_piece, x);
}

void
fby_exposition_fini(struct fby_exposition *x)
{
	struct fby_exposition_waiter *w;

	if (x->mst == NULL)
		return;
	evtimer_del(&x->ev_piece);
	while ((w = x->waiters) != NULL) {
		x->waiters = w->next;
		w->fn(w->arg, NULL);
		free(w);
	}
	for (size_t i = 0; i < FBY_EXPOSITION_FORMS; i++) {
		end(x->makings[i]);
		unref(x->texts[i]);
	}
	memset(x, 0, sizeof(*x));
}
