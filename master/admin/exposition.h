/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /metrics answers: made once a second at most, however many ask, and
 * shared by all answers that are under way.
 */
#ifndef FBY_EXPOSITION_H
#define FBY_EXPOSITION_H

#include "shared/fby.h"

struct evbuffer;
struct fby_master;

enum fby_exposition_format {
	FBY_EXPOSITION_OPENMETRICS,
	FBY_EXPOSITION_CLASSIC,
	FBY_EXPOSITION_FORMATS
};

struct fby_exposition_text;

struct fby_exposition {
	struct fby_exposition_text *texts[FBY_EXPOSITION_FORMATS][2];
	int64_t made_at[FBY_EXPOSITION_FORMATS][2]; /* monotonic */
};

void fby_exposition_fini(struct fby_exposition *x);

/*
 * By the headers Accept and Accept-Encoding, NULL: not sent.  Classic text for
 * clients that ask for text/plain and not for OpenMetrics as well.
 */
enum fby_exposition_format fby_exposition_choose(const char *accept);
bool fby_exposition_may_gzip(const char *accept_encoding);

const char *fby_exposition_type(enum fby_exposition_format format);

/* Its length; appended to `out` without a copy, unless that is NULL. */
size_t fby_exposition_write(struct fby_exposition *x, struct fby_master *mst,
    enum fby_exposition_format format, bool gzip, struct evbuffer *out);

#endif
