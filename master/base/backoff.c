/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners that rest; see backoff.h.
 */
#include "shared/fby.h"

#include "master/base/backoff.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"

#define REST_MS 500
#define SAY_MS 60000

static void
on_rested(evutil_socket_t fd, short what, void *arg)
{
	const struct fby_backoff *bo = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(bo->listener);
}

void
fby_backoff_init(struct fby_backoff *bo, struct event_base *base,
    struct evconnlistener *listener, const char *name)
{
	bo->listener = listener;
	bo->name = name;
	bo->said_at = 0;
	evtimer_assign(&bo->ev, base, on_rested, bo);
}

void
fby_backoff_fini(struct fby_backoff *bo)
{
	if (bo->listener != NULL)
		evtimer_del(&bo->ev);
	bo->listener = NULL;
}

void
fby_backoff_rest(struct fby_backoff *bo)
{
	int64_t now = fby_clock_mono();
	struct timeval tv = fby_clock_tv(REST_MS);
	int error = errno;

	evconnlistener_disable(bo->listener);
	evtimer_add(&bo->ev, &tv);
	if (bo->said_at && now - bo->said_at < SAY_MS)
		return;
	bo->said_at = now;
	fby_warn("%s: accept: %s", bo->name, strerror(error));
}

bool
fby_backoff_is_on(const struct fby_backoff *bo)
{
	return evtimer_pending(&bo->ev, NULL);
}
