/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watermark in the metadata of an offset; see metadata.h.
 */
#include "shared/fby.h"

#include "shared/metadata.h"

#define VERSION "fby1"

size_t
fby_metadata_encode(char buf[FBY_METADATA_MAX], int64_t watermark)
{
	if (watermark < 0) {
		buf[0] = '\0';
		return 0;
	}
	return (size_t)snprintf(buf, FBY_METADATA_MAX, VERSION " w=%" PRId64,
	    watermark);
}

int64_t
fby_metadata_decode(const char *metadata, size_t len)
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
