/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user's sink answers: bytes that are a SinkResponse are one again when
 * they are packed, what they become stays within its bounds, and an id is found
 * once or not at all.
 */
#include "shared/fby.h"

#include "shared/base/mem.h"

#include "worker/decode.h"
#include "worker/function/proto/sink.pb-c.h"
#include "worker/sink/asked.h"

#include "t/fuzz/fuzz.h"

#define RECORDS 3

static struct fby_decoder decoder, again;
static struct fby_asked asked;
static char records[RECORDS];

static void
ask(void)
{
	static const char *const ids[RECORDS] = { "a", "demo-t:0:1-0-0", "" };

	fby_asked_reset(&asked);
	for (size_t i = 0; i < RECORDS; i++) {
		fby_asked_add(&asked, (struct fby_record *)&records[i]);
		fby_asked_name(&asked, i, ids[i], strlen(ids[i]));
	}
}

static void
find(const Pb__SinkResponse *msg)
{
	size_t n = 0, i;

	for (size_t at = 0; at < msg->n_results; at++) {
		const ProtobufCBinaryData *id = &msg->results[at]->id;

		if (fby_asked_find(&asked, id->data, id->len, &i) !=
		    FBY_ASKED_FOUND)
			continue;
		FBY_BUG_ON(i >= RECORDS);
		FBY_BUG_ON(fby_asked_take(&asked, i) !=
		    (struct fby_record *)&records[i]);
		n++;
	}
	FBY_BUG_ON(n + asked.open != RECORDS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const Pb__SinkResponse *msg = fby_decode(&decoder,
	    &pb__sink_response__descriptor, data, size);
	uint8_t *packed;
	size_t n;

	if (msg == NULL)
		return 0;
	ask();
	find(msg);
	n = pb__sink_response__get_packed_size(msg);
	packed = fby_malloc(n + 1);
	FBY_BUG_ON(pb__sink_response__pack(msg, packed) != n);
	/* What came in several pieces has less room when it is one. */
	FBY_BUG_ON(n >= size &&
	    fby_decode(&again, &pb__sink_response__descriptor, packed, n) ==
		NULL);
	free(packed);
	return 0;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_quiet();
	fby_decoder_init(&decoder);
	fby_decoder_init(&again);
	fby_asked_init(&asked);
	return 0;
}
