/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the master is told of failures; see failure.h.
 */
#include "shared/fby.h"

#include "worker/failure.h"

#include "shared/base/clock.h"
#include "shared/base/str.h"
#include "shared/boundary/channel.h"

#define SAME_AGAIN_MS 5000
#define SECOND_MS 1000
#define SECOND_MAX 32 /* packets, of all lanes */

static bool
is_repeated(const struct fby_failure_last *last, int code, const char *text,
    int64_t now)
{
	return last->at && now - last->at < SAME_AGAIN_MS &&
	    last->code == code && last->text == text;
}

/* A thousand partitions may fail at once, and the channel has other users. */
static bool
is_too_much(struct fby_failures *f, int64_t now)
{
	if (now - f->since >= SECOND_MS) {
		f->since = now;
		f->sent = 0;
	}
	return f->sent++ >= SECOND_MAX;
}

void
fby_failure_send(struct fby_failures *f, struct fby_failure_last *last,
    struct fby_msg_failure *msg, const char *text)
{
	int64_t now = fby_clock_mono();
	int code = msg->code;

	/* Librdkafka's texts of one code differ in figures only. */
	if (is_repeated(last, code, code ? NULL : text, now) ||
	    f->ch->queued > 0 || is_too_much(f, now))
		return;
	*last = (struct fby_failure_last){
		.at = now,
		.code = code,
		.text = code ? NULL : text,
	};
	fby_str_print_into(msg->text, sizeof(msg->text), text, strlen(text));
	fby_channel_send(f->ch, FBY_MSG_FAILURE, &msg->msg, sizeof(*msg), -1);
}
