/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters of a runtime; see scrape.h.
 */
#include "shared/fby.h"

#include "master/runtime/scrape.h"

#include <event2/event.h>
#include <event2/http.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/runtime/foreign.h"

#define ASK_MS 3000
#define ASK_FIRST_MS 500 /* while it starts */
#define FAILED_MAX 10

static const struct fby_runtime *
runtime(const struct fby_scrape *s)
{
	return fby_manifest_runtime_find(s->ctx->manifest, s->foreign->runtime);
}

static void
failed(struct fby_scrape *s, const char *why)
{
	const struct fby_runtime *rt = runtime(s);

	s->is_answered = false;
	if (++s->failed != FAILED_MAX)
		return;
	fby_warn("runtime \"%s\": its metrics at port %" PRId64
		 " cannot be had (%s); records read and acknowledged stand "
		 "still, lag and offsets do not",
	    rt->name, rt->metrics.port, why);
}

static void
on_metrics(void *arg, int code, const char *body, size_t len)
{
	struct fby_scrape *s = arg;

	if (code != HTTP_OK) {
		failed(s, code ? "it refuses" : "it does not answer");
		return;
	}
	/* With several it is not known which of them was another one. */
	if (s->foreign->nreplicas == 1 && s->foreign->spawns != s->spawns)
		fby_totals_restart(&s->totals);
	s->spawns = s->foreign->spawns;
	if (fby_totals_take(&s->totals, body, len) == -1) {
		failed(s, "what it says is no OpenMetrics");
		return;
	}
	if (s->failed >= FAILED_MAX)
		fby_notice("runtime \"%s\": its metrics can be had again",
		    s->foreign->runtime);
	s->failed = 0;
	s->is_answered = true;
}

static void
on_ask(evutil_socket_t fd, short what, void *arg)
{
	struct fby_scrape *s = arg;
	const struct fby_runtime *rt = runtime(s);
	struct timeval tv = fby_clock_tv(
	    s->is_answered ? ASK_MS : ASK_FIRST_MS);

	(void)fd;
	(void)what;
	evtimer_add(&s->ev_ask, &tv);
	if (rt && fby_foreign_alive(s->foreign) > 0)
		fby_http_client_get(&s->fetch, s->ctx->base,
		    rt->metrics.scheme == FBY_METRICS_HTTPS,
		    (uint16_t)rt->metrics.port, "/metrics");
}

void
fby_scrape_start(struct fby_scrape *s, const struct fby_foreign *f)
{
	const struct fby_manifest *m = s->ctx->manifest;
	const struct fby_runtime *rt;

	rt = fby_manifest_runtime_find(m, f->runtime);
	if (!rt->metrics.present)
		return;
	/* We are there first, and what would answer is us. */
	if (fby_manifest_http_port(m) == rt->metrics.port) {
		fby_warn("runtime \"%s\": http.listen is %s, where the "
			 "runtime has its own metrics; it will say that it "
			 "cannot, and records read and acknowledged stand "
			 "still: give http.listen another port",
		    rt->name, m->host.http_listen);
		return;
	}
	s->foreign = f;
	s->is_answered = false;
	s->failed = 0;
	on_ask(-1, 0, s);
}

void
fby_scrape_stop(struct fby_scrape *s)
{
	if (s->foreign == NULL)
		return;
	evtimer_del(&s->ev_ask);
	fby_http_client_cancel(&s->fetch);
	s->foreign = NULL;
}

void
fby_scrape_init(struct fby_scrape *s, struct fby_context *ctx)
{
	memset(s, 0, sizeof(*s));
	s->ctx = ctx;
	s->fetch.fn = on_metrics;
	s->fetch.arg = s;
	evtimer_assign(&s->ev_ask, ctx->base, on_ask, s);
}

void
fby_scrape_fini(struct fby_scrape *s)
{
	fby_scrape_stop(s);
	fby_totals_fini(&s->totals);
}
