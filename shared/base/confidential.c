/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of secrets; see confidential.h.
 */
#include "shared/fby.h"

#include "shared/base/confidential.h"

bool
fby_confidential_is(const char *name)
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
