/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a committed offset carries along; see metadata.h.
 */
#include "shared/fby.h"

#include "shared/boundary/metadata.h"

#define VERSION "fby1"
#define TEXT_MAX 256

size_t
fby_metadata_encode(char buf[FBY_METADATA_MAX], int64_t watermark,
    uint64_t topic_id, uint32_t partitions)
{
	int len = 0;

	buf[0] = '\0';
	if (watermark < 0 && topic_id == 0 && partitions == 0)
		return 0;
	len = snprintf(buf, FBY_METADATA_MAX, VERSION);
	if (watermark >= 0)
		len += snprintf(buf + len, FBY_METADATA_MAX - (size_t)len,
		    " w=%" PRId64, watermark);
	if (topic_id != 0)
		len += snprintf(buf + len, FBY_METADATA_MAX - (size_t)len,
		    " t=%016" PRIx64, topic_id);
	if (partitions != 0)
		len += snprintf(buf + len, FBY_METADATA_MAX - (size_t)len,
		    " n=%" PRIu32, partitions);
	return (size_t)len;
}

/* The value of a key, in buf; NULL if there is none. */
static const char *
find(char buf[TEXT_MAX], const char *metadata, size_t len, const char *key)
{
	char *save = NULL, *word;
	size_t n = strlen(key);

	if (metadata == NULL || len == 0 || len >= TEXT_MAX)
		return NULL;
	memcpy(buf, metadata, len);
	buf[len] = '\0';
	word = strtok_r(buf, " ", &save);
	if (word == NULL || strcmp(word, VERSION) != 0)
		return NULL;
	while ((word = strtok_r(NULL, " ", &save)) != NULL)
		if (strncmp(word, key, n) == 0)
			return word + n;
	return NULL;
}

int64_t
fby_metadata_watermark(const char *metadata, size_t len)
{
	char buf[TEXT_MAX], *end;
	const char *value = find(buf, metadata, len, "w=");
	long long ms;

	if (value == NULL)
		return FBY_NONE;
	ms = strtoll(value, &end, 10);
	return *value && *end == '\0' && ms >= 0 ? ms : FBY_NONE;
}

uint64_t
fby_metadata_topic_id(const char *metadata, size_t len)
{
	char buf[TEXT_MAX];
	const char *value = find(buf, metadata, len, "t=");

	if (value == NULL || strlen(value) != 16 ||
	    strspn(value, "0123456789abcdef") != 16)
		return 0;
	return strtoull(value, NULL, 16);
}

uint32_t
fby_metadata_partitions(const char *metadata, size_t len)
{
	char buf[TEXT_MAX], *end;
	const char *value = find(buf, metadata, len, "n=");
	long long n;

	if (value == NULL)
		return 0;
	n = strtoll(value, &end, 10);
	return *value && *end == '\0' && n > 0 && n <= INT32_MAX ? (uint32_t)n :
								   0;
}
