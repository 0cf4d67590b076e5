/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /metrics of another runtime: any bytes are an exposition or none, and no
 * counter that is made of them ever goes back.
 */
#include "shared/fby.h"

#include "master/runtime/totals.h"
#include "t/fuzz/fuzz.h"

static void
check(const struct fby_totals *t, const double before[FBY_TOTAL_N])
{
	for (int i = 0; i < FBY_TOTAL_N; i++)
		FBY_BUG_ON(
		    !(fby_totals_sum(t, (enum fby_total)i) >= before[i]));
}

static void
look(struct fby_totals *t, const char *text, size_t len)
{
	double before[FBY_TOTAL_N];
	const size_t n = t->n;

	for (int i = 0; i < FBY_TOTAL_N; i++)
		before[i] = fby_totals_sum(t, (enum fby_total)i);
	if (fby_totals_take(t, text, len) == -1)
		FBY_BUG_ON(t->n != n);
	check(t, before);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct fby_totals t = { 0 };

	look(&t, text, size / 2);
	look(&t, text + size / 2, size - size / 2);
	look(&t, text, size);
	fby_totals_fini(&t);
	return 0;
}
