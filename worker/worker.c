/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What concerns the worker as a whole; see worker.h.
 */
#include "shared/fby.h"

#include "worker/worker.h"

#include <event2/event.h>

#include "shared/base/clock.h"
#include "shared/base/err.h"
#include "shared/base/log.h"
#include "shared/kafka/kafka.h"

#define LOGIN_MS 60000

void
fby_worker_exit(struct fby_worker *w, int code)
{
	w->exit_code = code;
	event_base_loopbreak(w->base);
}

void
fby_worker_lane_gone(struct fby_worker *w)
{
	if (w->draining && w->nlanes == 0)
		fby_worker_exit(w, FBY_EXIT_OK);
}

void
fby_worker_say(const struct fby_err *err)
{
	for (size_t i = 0; i < err->n; i++) {
		const struct fby_err_item *item = &err->items[i];

		fby_error("%s:%d:%d: %s",
		    item->pos.file ? item->pos.file : "manifest",
		    item->pos.line, item->pos.col, item->text);
	}
}

void
fby_worker_failed(struct fby_worker *w, enum fby_failure_role role, int code,
    const char *text)
{
	struct fby_msg_failure msg = {
		.row = FBY_NOROW,
		.role = (uint32_t)role,
		.code = code,
	};

	fby_failure_send(&w->failures, &w->told[role], &msg, text);
}

void
fby_worker_on_client_error(struct fby_worker *w, const char *whose,
    enum fby_failure_role role, int code, const char *text)
{
	/* librdkafka repeats an error that goes on every 30 s. */
	if (fby_kafka_is_login_error(code))
		w->login_until = fby_clock_mono() + LOGIN_MS;
	fby_throttle_log(&w->throttle, whose, code, text);
	fby_worker_failed(w, role, code, text);
}
