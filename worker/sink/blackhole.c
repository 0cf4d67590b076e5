/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blackhole sink: everything is delivered at once.
 */
#include "shared/fby.h"

#include "worker/sink/sink.h"

#include "shared/base/mem.h"

#include "worker/outlet.h"

static void
swallow(struct fby_outlet *out, const struct fby_run *run)
{
	(void)out;
	(void)run;
}

static enum fby_rc
swallow_one(struct fby_outlet *out, struct fby_record *rec)
{
	(void)out;
	(void)rec;
	return FBY_DONE;
}

static void
blackhole_close(struct fby_outlet *out)
{
	free(out);
}

static const struct fby_outlet_ops blackhole_ops = {
	.name = "blackhole",
	.run = swallow,
	.record = swallow_one,
	.close = blackhole_close,
};

struct fby_outlet *
fby_sink_blackhole_open(struct fby_worker *w)
{
	struct fby_outlet *out = fby_calloc(1, sizeof(*out));

	out->ops = &blackhole_ops;
	(void)w;
	return out;
}
