/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which values are not to be shown, going by their names: settings of
 * librdkafka, environment variables, keys of documents for other runtimes.
 */
#include "shared/fby.h"

#include "shared/manifest_tables.h"

bool
fby_manifest_is_secret(const char *name)
{
	static const char *const words[] = { "password", "passwd", "passphrase",
		"secret", "token", "credential", "jaas", "private", "key.pem",
		"ssl.key", "ssl_key", "apikey", "api_key", "access_key",
		"oauthbearer.config" };

	if (strcasestr(name, "endpoint"))
		return false;
	for (size_t i = 0; i < FBY_NELEM(words); i++)
		if (strcasestr(name, words[i]))
			return true;
	return false;
}
