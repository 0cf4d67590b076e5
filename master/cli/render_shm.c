/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a ledger as JSON to what people read; see render.h.
 */
#include "shared/fby.h"

#include "master/cli/render.h"

#include "shared/base/str.h"

#include "master/cli/cell.h"
#include "master/cli/screen.h"

/* clang-format off */
static const struct fby_cell shm_slots[] = {
	FBY_CELL("SLOT", 0, "slot", EXACT),
	FBY_CELL("PID", 0, "pid", EXACT),
	FBY_CELL("CPU", 0, "cpu", EXACT),
	FBY_CELL("STATE", 0, "state", TEXT),
	FBY_CELL("GENERATION", 3, "generation", EXACT),
	FBY_CELL("SPAWNS", 0, "spawns", EXACT),
	FBY_CELL("PARTITIONS", 0, "partitions", EXACT),
	FBY_CELL("READ", 0, "read", EXACT),
	FBY_CELL("ACKED", 0, "acked", EXACT),
	FBY_CELL("ERRORS", 2, "sink_errors", EXACT),
	FBY_CELL("DROPS", 2, "sink_drops", EXACT),
	FBY_CELL("IN FLIGHT", 0, "in_flight", EXACT),
	FBY_CELL("MEMORY", 1, "rss_bytes", BYTES),
	FBY_CELL("ACTIVITY", 1, "activity", TEXT),
};

static const struct fby_cell shm_functions[] = {
	FBY_CELL("WORKER", 0, "slot", EXACT),
	FBY_CELL("FUNCTION", 0, "role", TEXT),
	FBY_CELL("INSTANCE", 3, "instance", EXACT),
	FBY_CELL("STATE", 0, "state", TEXT),
	FBY_CELL("SDK", 2, "language", TEXT),
	FBY_CELL("VERSION", 2, "version", TEXT),
	FBY_CELL("CALLS", 0, "calls", EXACT),
	FBY_CELL("ANSWERS", 1, "answers", EXACT),
	FBY_CELL("ERRORS", 1, "errors", EXACT),
	FBY_CELL("IN FLIGHT", 1, "in_flight", EXACT),
	FBY_CELL("CONNECTS", 4, "connects", EXACT),
	FBY_CELL("FAILURES", 2, "failures", EXACT),
	FBY_CELL("WHY", 0, "why", TEXT),
};

static const struct fby_cell shm_rows[] = {
	FBY_CELL("ROW", 0, "row", EXACT),
	FBY_CELL("TOPIC", 0, "topic", TEXT),
	FBY_CELL("PARTITION", 0, "partition", EXACT),
	FBY_CELL("STATE", 0, "state", TEXT),
	FBY_CELL("HOLDER", 0, "holder", EXACT),
	FBY_CELL("EPOCH", 1, "epoch", EXACT),
	FBY_CELL("LOG START", 5, "log_start", EXACT),
	FBY_CELL("COMMITTED", 0, "committed", EXACT),
	FBY_CELL("ACKED", 0, "acked", EXACT),
	FBY_CELL("POSITION", 0, "position", EXACT),
	FBY_CELL("HIGH", 0, "high", EXACT),
	FBY_CELL("WATERMARK", 2, "watermark", INSTANT),
	FBY_CELL("IN FLIGHT", 3, "in_flight", EXACT),
	FBY_CELL("READ", 4, "read", EXACT),
	FBY_CELL("DELIVERED", 4, "delivered", EXACT),
	FBY_CELL("FALLBACK", 4, "fallback", EXACT),
	FBY_CELL("DEAD LETTER", 4, "dead_lettered", EXACT),
	FBY_CELL("DROPPED", 4, "dropped", EXACT),
	FBY_CELL("RETURNED", 4, "returned", EXACT),
	FBY_CELL("HELD", 4, "held", EXACT),
	FBY_CELL("LATE", 6, "late", EXACT),
	FBY_CELL("STALE", 6, "stale", EXACT),
};
/* clang-format on */

char *
fby_render_shm(const json_t *any, const struct fby_screen *r)
{
	json_t *shm = fby_cell_printable(any);
	char size[FBY_FORMAT];
	struct fby_str s;

	fby_str_init(&s);
	fby_cell_color(&s, r, FBY_SGR_BOLD, fby_cell_text(shm, "name"));
	fby_str_printf(&s,
	    "  group %s, ABI %" PRId64 ", %s, %" PRId64 " slots, %" PRId64
	    " rows, epoch %" PRId64 "\nmaster  ",
	    fby_cell_text(shm, "group"), fby_cell_number(shm, "abi"),
	    fby_cell_show(shm, "size", FBY_CELL_BYTES, r->now, size),
	    fby_cell_number(shm, "nslots"), fby_cell_number(shm, "nrows"),
	    fby_cell_number(shm, "epoch"));
	if (fby_cell_is_null(shm, "master_pid"))
		fby_str_puts(&s, "none\n");
	else if (fby_cell_is_true(shm, "alive"))
		fby_str_printf(&s, "pid %" PRId64 ", running\n",
		    fby_cell_number(shm, "master_pid"));
	else
		fby_str_printf(&s,
		    "pid %" PRId64 ", gone; the next one "
		    "commits what is acked and not committed\n",
		    fby_cell_number(shm, "master_pid"));
	fby_cell_table(&s, json_object_get(shm, "slots"), r, shm_slots,
	    FBY_NELEM(shm_slots), NULL);
	fby_cell_table(&s, json_object_get(shm, "functions"), r, shm_functions,
	    FBY_NELEM(shm_functions), NULL);
	fby_cell_table(&s, json_object_get(shm, "rows"), r, shm_rows,
	    FBY_NELEM(shm_rows), NULL);
	json_decref(shm);
	return fby_str_take(&s);
}
