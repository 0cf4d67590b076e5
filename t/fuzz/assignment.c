/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What members of the group have, as any of them may have written it: the
 * bytes hold what they promise, or nothing is made of them.
 */
#include "shared/fby.h"

#include "master/group/unassigned.c"
#include "t/fuzz/fuzz.h"
#include "t/unit/master/group/fake_members.h"

struct seen {
	const char *begin, *end;
	size_t n;
};

/* Each partition has its four bytes, so there are no more than fit. */
static void
each(void *arg, const char *topic, size_t len, int32_t partition)
{
	struct fby_topics_id id = { .name = (char[]){ "orders" },
		.partitions = 8 };
	bool had[8] = { false };
	struct had one = { .topic = &id, .is_had = had };
	struct tally t = { .topics = &one, .n = 1 };
	struct seen *s = arg;

	FBY_BUG_ON(topic < s->begin || topic + len > s->end);
	FBY_BUG_ON(4 * ++s->n > (size_t)(s->end - s->begin));
	mark(&t, topic, len, partition);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen s = { (const char *)data, (const char *)data + size, 0 };
	const int rc = fby_unassigned_read(data, size, each, &s);

	/* Of what is whole, any beginning that is cut is not. */
	if (rc == 0 && size > 0) {
		s.n = 0;
		FBY_BUG_ON(fby_unassigned_read(data, FBY_MIN(size, 5u), each,
			       &s) != -1);
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
