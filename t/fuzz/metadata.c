/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies beside a committed offset, where everybody in the group can write:
 * what it is taken to say can be written, and says the same then.
 */
#include "shared/fby.h"

#include "shared/boundary/metadata.h"
#include "t/fuzz/fuzz.h"

struct figures {
	int64_t watermark;
	uint64_t topic_id;
	uint32_t partitions;
};

static struct figures
read_text(const char *text, size_t len)
{
	return (struct figures){
		.watermark = fby_metadata_watermark(text, len),
		.topic_id = fby_metadata_topic_id(text, len),
		.partitions = fby_metadata_partitions(text, len),
	};
}

static void
write_and_read(const struct figures *f)
{
	char text[FBY_METADATA_MAX];
	const size_t len = fby_metadata_encode(text, f->watermark, f->topic_id,
	    f->partitions);
	const struct figures again = read_text(text, len);

	FBY_BUG_ON(strlen(text) != len || !fuzz_is_printable(text));
	FBY_BUG_ON(again.watermark != f->watermark);
	FBY_BUG_ON(again.topic_id != f->topic_id);
	FBY_BUG_ON(again.partitions != f->partitions);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct figures f = read_text((const char *)data, size);

	FBY_BUG_ON(f.watermark < FBY_NONE || f.partitions > INT32_MAX);
	write_and_read(&f);
	/* Any figures at all. */
	if (size < sizeof(f))
		return 0;
	memcpy(&f, data, sizeof(f));
	f.watermark = FBY_MAX(f.watermark, FBY_NONE);
	f.partitions &= INT32_MAX;
	write_and_read(&f);
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
