/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions that were given back with records in flight; see unfinished.h.
 */
#include "shared/fby.h"

#include "master/unfinished.h"

#include "shared/base/log.h"
#include "shared/base/units.h"
#include "shared/boundary/shm.h"

#include "master/handoff/handoff.h"

#define NAMES 8 /* that a sentence has; the log has all of them */

void
fby_unfinished_init(struct fby_unfinished *u)
{
	*u = (struct fby_unfinished){ 0 };
	fby_str_init(&u->names);
}

void
fby_unfinished_fini(struct fby_unfinished *u)
{
	fby_str_fini(&u->names);
}

void
fby_unfinished_begin(struct fby_unfinished *u)
{
	fby_unfinished_fini(u);
	fby_unfinished_init(u);
}

void
fby_unfinished_add(struct fby_unfinished *u, const struct fby_part *pt,
    uint64_t nrecords)
{
	char buf[FBY_UNITS_OFFSET];
	const char *from = fby_units_offset_text(buf, pt->committed,
	    "where auto.offset.reset says");

	fby_warn("partition %s/%d: given back with %" PRIu64
		 " records in flight: records from %s on will be read again",
	    pt->topic, pt->partition, nrecords, from);
	if (u->nparts < NAMES)
		fby_str_printf(&u->names, "%s%s/%d from %s",
		    u->nparts ? ", " : "", pt->topic, pt->partition, from);
	u->nparts++;
	u->nrecords += nrecords;
}

void
fby_unfinished_print(const struct fby_unfinished *u, struct fby_str *s)
{
	fby_str_printf(s,
	    "%zu partition%s given back with %" PRIu64
	    " records in flight, which will be read again: %s",
	    u->nparts, u->nparts == 1 ? " was" : "s were", u->nrecords,
	    u->names.p);
	if (u->nparts > NAMES)
		fby_str_printf(s, " and %zu more; the log names all",
		    u->nparts - NAMES);
}

void
fby_unfinished_print_held(const struct fby_handoff *h, struct fby_str *s)
{
	size_t n = 0;

	for (uint32_t i = 0; i < h->nparts; i++) {
		const struct fby_part *pt = &h->parts[i];

		if (pt->state == FBY_ROW_FREE || n++ >= NAMES)
			continue;
		fby_str_printf(s, "%s%s/%d (%s)", n > 1 ? ", " : "", pt->topic,
		    pt->partition, fby_row_state_name(pt->state));
	}
	if (n > NAMES)
		fby_str_printf(s, " and %zu more", n - NAMES);
}
