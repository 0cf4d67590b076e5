/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers say of failures; see failure.h.
 */
#include "shared/fby.h"

#include "master/handoff/failure.h"

#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/boundary/ledger.h"

#include "master/handoff/handoff.h"

static void
forget(struct fby_failure *one)
{
	free(one->text);
	*one = (struct fby_failure){ .text = NULL };
}

void
fby_failure_fini(struct fby_failures *f)
{
	for (uint32_t i = 0; i < f->nrows; i++)
		for (size_t r = 0; r < FBY_FAILURE_NROLES; r++)
			forget(&f->rows[i][r]);
	for (size_t r = 0; r < FBY_FAILURE_NROLES; r++)
		forget(&f->all[r]);
	free(f->rows);
	*f = (struct fby_failures){ .rows = NULL };
}

/* Rows are asked for that a part of the hand-over has: there are not many. */
static struct fby_failure *
entry(struct fby_failures *f, uint32_t row, uint32_t role)
{
	if (row == FBY_NOROW)
		return &f->all[role];
	if (row >= f->nrows) {
		uint32_t n = FBY_MAX(row + 1, 2 * f->nrows);

		f->rows = fby_realloc(f->rows, n * sizeof(f->rows[0]));
		memset(f->rows + f->nrows, 0,
		    (n - f->nrows) * sizeof(f->rows[0]));
		f->nrows = n;
	}
	return &f->rows[row][role];
}

static bool
is_held_by(const struct fby_handoff *h, uint32_t slot,
    const struct fby_msg_failure *msg)
{
	const struct fby_part *pt;

	if (msg->row >= h->nparts)
		return false;
	pt = &h->parts[msg->row];
	return (pt->state == FBY_ROW_HELD || pt->state == FBY_ROW_REVOKING) &&
	    pt->slot == slot && pt->epoch == msg->epoch;
}

int
fby_failure_keep(struct fby_failures *f, const struct fby_handoff *h,
    uint32_t slot, const struct fby_msg_failure *msg)
{
	size_t len = strnlen(msg->text, sizeof(msg->text));
	struct fby_failure *one;
	struct fby_str s;

	if (msg->role >= FBY_FAILURE_NROLES || len == sizeof(msg->text))
		return -1;
	/* It may have been sent before a REVOKE was looked at. */
	if (msg->row != FBY_NOROW && !is_held_by(h, slot, msg)) {
		f->stale++;
		return 0;
	}
	/* It goes to terminals: the worker's word for that is not taken. */
	fby_str_init(&s);
	fby_str_printable(&s, msg->text, len);
	one = entry(f, msg->row, msg->role);
	forget(one);
	*one = (struct fby_failure){
		.text = fby_str_take(&s),
		.code = msg->code,
		.at = fby_clock_mono(),
		.slot = slot,
	};
	fby_str_fini(&s);
	f->taken++;
	return 0;
}

const struct fby_failure *
fby_failure_find(const struct fby_failures *f, uint32_t row,
    enum fby_failure_role role, int64_t since)
{
	const struct fby_failure *one = NULL;

	if (row == FBY_NOROW)
		one = &f->all[role];
	else if (row < f->nrows)
		one = &f->rows[row][role];
	return one && one->text && one->at >= since ? one : NULL;
}

bool
fby_failure_is_undecodable(const struct fby_failure *one)
{
	switch (one->code) {
	case RD_KAFKA_RESP_ERR__BAD_MSG:
	case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
	case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
	case RD_KAFKA_RESP_ERR__UNDERFLOW:
	/* It asks for more and more bytes of it. */
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		return true;
	default:
		return false;
	}
}
