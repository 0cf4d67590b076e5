/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event time above a single partition; see watermark.h.
 */
#include "shared/fby.h"

#include "master/watermark.h"

#include "master/handoff.h"

#define VERSION "fby1"

size_t
fby_watermark_encode(char buf[FBY_WATERMARK_METADATA], int64_t watermark)
{
	if (watermark < 0) {
		buf[0] = '\0';
		return 0;
	}
	return (size_t)snprintf(buf, FBY_WATERMARK_METADATA,
	    VERSION " w=%" PRId64, watermark);
}

int64_t
fby_watermark_decode(const char *metadata, size_t len)
{
	char buf[256], *save = NULL, *word, *end;

	if (metadata == NULL || len == 0 || len >= sizeof(buf))
		return FBY_NONE;
	memcpy(buf, metadata, len);
	buf[len] = '\0';
	word = strtok_r(buf, " ", &save);
	if (word == NULL || strcmp(word, VERSION) != 0)
		return FBY_NONE;
	while ((word = strtok_r(NULL, " ", &save)) != NULL) {
		long long ms;

		if (strncmp(word, "w=", 2) != 0)
			continue;
		ms = strtoll(word + 2, &end, 10);
		return word[2] && *end == '\0' && ms >= 0 ? ms : FBY_NONE;
	}
	return FBY_NONE;
}

int64_t
fby_watermark_host(const struct fby_handoff *h)
{
	int64_t min = INT64_MAX;

	for (uint32_t i = 0; i < h->nparts; i++) {
		int64_t wm;

		if (h->parts[i].state == FBY_ROW_FREE)
			continue;
		wm = fby_load(&h->shm->rows[i].watermark);
		if (wm < 0)
			return FBY_NONE;
		min = FBY_MIN(min, wm);
	}
	return min == INT64_MAX ? FBY_NONE : min;
}
