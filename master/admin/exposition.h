/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /metrics answers: made once a second at most, however many ask, and
 * shared by all answers that are under way.
 *
 * With thousands of partitions it takes a tenth of a second to make, so it is
 * made piece by piece, one in a turn of the loop, and those that ask wait for
 * the last one.  Classic text and what is compressed are made of the text that
 * they are another form of.
 */
#ifndef FBY_EXPOSITION_H
#define FBY_EXPOSITION_H

#include "shared/fby.h"

#include <event2/event_struct.h>

struct evbuffer;
struct event_base;
struct fby_master;

enum fby_exposition_format {
	FBY_EXPOSITION_OPENMETRICS,
	FBY_EXPOSITION_CLASSIC,
	FBY_EXPOSITION_FORMATS
};

#define FBY_EXPOSITION_FORMS (2 * FBY_EXPOSITION_FORMATS) /* plain, gzip */

struct fby_exposition_making;
struct fby_exposition_text;
struct fby_exposition_waiter;

/* The text is lent for the call; NULL: there will be none. */
typedef void (*fby_exposition_fn)(void *arg, struct fby_exposition_text *text);

struct fby_exposition {
	struct fby_master *mst;
	struct event ev_piece;
	/* By form: the last that is whole, and what is being made. */
	struct fby_exposition_text *texts[FBY_EXPOSITION_FORMS];
	struct fby_exposition_making *makings[FBY_EXPOSITION_FORMS];
	struct fby_exposition_waiter *waiters;
};

void fby_exposition_init(struct fby_exposition *x, struct event_base *base,
    struct fby_master *mst);
/* Those that wait are told that there will be none. */
void fby_exposition_fini(struct fby_exposition *x);

/*
 * By the headers Accept and Accept-Encoding, NULL: not sent.  Classic text for
 * clients that ask for text/plain and not for OpenMetrics as well.
 */
enum fby_exposition_format fby_exposition_choose(const char *accept);
bool fby_exposition_may_gzip(const char *accept_encoding);

const char *fby_exposition_type(enum fby_exposition_format format);

/* `fn` is called with it, now or in a later turn. */
void fby_exposition_ask(struct fby_exposition *x,
    enum fby_exposition_format format, bool gzip, fby_exposition_fn fn,
    void *arg);

size_t fby_exposition_len(const struct fby_exposition_text *text);

/* Appends it without a copy. */
void fby_exposition_send(struct fby_exposition_text *text,
    struct evbuffer *out);

#endif
