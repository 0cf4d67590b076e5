/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What functions say; see said.h.
 */
#include "shared/fby.h"

#include "worker/said.h"

#include "shared/base/mem.h"
#include "shared/base/str.h"

#include "worker/content.h"

#define SAID_BYTES 256
#define DELAY_MAX_MS (UINT64_C(86400000) * 365)

const char *
fby_said_text(struct fby_record *rec, const char *text)
{
	struct fby_content *c = fby_content_own(rec);

	if (c->said == NULL)
		c->said = fby_content_alloc(rec->b, SAID_BYTES);
	fby_str_print_into(c->said, SAID_BYTES, text, strlen(text));
	return c->said;
}

void
fby_said_metadata(struct fby_record *rec, const Pb__Metadata *from)
{
	Pb__Metadata own = PB__METADATA__INIT;
	size_t len;
	uint8_t *p;

	own.n_user_metadata = from->n_user_metadata;
	own.user_metadata = from->user_metadata;
	len = pb__metadata__get_packed_size(&own);
	p = fby_malloc(len + 1);
	pb__metadata__pack(&own, p);
	fby_content_set_metadata(rec, (struct fby_bytes){ p, len });
	free(p);
}

struct fby_nack
fby_said_nack(struct fby_record *rec, const Pb__NackOptions *options)
{
	struct fby_nack nack = { .why = "the function answered NACK" };

	if (options == NULL)
		return nack;
	nack.delay_ms = (int64_t)FBY_MIN(options->delay, DELAY_MAX_MS);
	nack.max_deliveries = options->max_deliveries;
	if (options->reason[0] != '\0')
		nack.why = fby_said_text(rec, options->reason);
	return nack;
}
