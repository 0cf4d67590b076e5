/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids of clusters, as brokers say them: two texts, the source's and the
 * sink's, of each time that is asked; "" is none yet.  Once they were the same
 * nothing is written, whatever is said later; and once they differ it is, since
 * a client that has learnt its cluster keeps it.
 */
#include "shared/fby.h"

#include <librdkafka/rdkafka.h>

#include "t/fuzz/fuzz.h"

static char *ids[2];

static char *
clusterid(const rd_kafka_t *rk, int timeout_ms)
{
	const char *id = ids[rk == NULL];

	FBY_BUG_ON(timeout_ms != 0); /* it never blocks */
	return *id ? strdup(id) : NULL;
}

#define rd_kafka_clusterid clusterid
#include "worker/sink/cluster.c"

/* ---- what is around it ------------------------------------------------ */

void
fby_worker_failed(struct fby_worker *w, enum fby_failure_role role, int code,
    const char *text)
{
	(void)w;
	(void)code;
	FBY_BUG_ON(role != FBY_FAILURE_SINK);
	FBY_BUG_ON(strlen(text) >= FBY_FAILURE_TEXT);
}

bool
fby_manifest_is_read(const struct fby_manifest *m, const char *topic)
{
	(void)m;
	(void)topic;
	return true;
}

const char *
fby_manifest_sink_path(enum fby_sink_role role)
{
	(void)role;
	return "spec.sink";
}

/* ---- a run ------------------------------------------------------------ */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Never looked into: only its address is handed on. */
	static const char ours[1];
	struct fby_source src = { .rk = (rd_kafka_t *)(uintptr_t)ours };
	struct fby_worker w = { .src = &src };
	struct fuzz_texts t = { .p = (const char *)data, .left = size };
	struct fby_manifest m = { 0 };
	struct fby_cluster_check cc;

	fby_cluster_check_init(&cc, &m, FBY_SINK_PRIMARY);
	FBY_BUG_ON(!cc.is_pending);
	while (!t.is_over) {
		bool was_pending = cc.is_pending, may;

		ids[0] = fuzz_string(&t);
		ids[1] = fuzz_string(&t);
		may = fby_cluster_may_write(&cc, &w, FBY_SINK_PRIMARY, NULL);
		if (was_pending)
			FBY_BUG_ON(may !=
			    (*ids[0] && *ids[1] &&
				strcmp(ids[0], ids[1]) != 0));
		else
			FBY_BUG_ON(!may);
		free(ids[0]);
		free(ids[1]);
	}
	return 0;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_quiet();
	return 0;
}
