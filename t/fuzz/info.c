/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server-info file of a function.  The first byte says of which role.
 */
#include "shared/fby.h"

#include "shared/base/str.h"
#include "t/fuzz/fuzz.h"
#include "worker/function/info.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_quiet();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const containers[] = { "sinker", "ons-sinker",
		"mapper" };
	struct fby_info info;
	struct fby_str why;
	const char *text = (const char *)data + 1;

	if (size < 1)
		return 0;
	fby_str_init(&why);
	if (fby_info_parse(&info, containers[data[0] % 3], text, size - 1,
		&why) == -1) {
		FBY_BUG_ON(why.len == 0 || strchr(why.p, '\n') != NULL);
		FBY_BUG_ON(!fuzz_is_printable(why.p) || !fuzz_is_utf8(why.p));
	} else {
		FBY_BUG_ON(!fby_info_is_whole(text, size - 1));
		FBY_BUG_ON(strlen(info.language) >= sizeof(info.language));
		FBY_BUG_ON(strlen(info.version) >= sizeof(info.version));
		FBY_BUG_ON(!fuzz_is_printable(info.version));
		FBY_BUG_ON(info.nendpoints > FBY_INFO_ENDPOINTS ||
		    info.processes > FBY_INFO_ENDPOINTS);
		FBY_BUG_ON(info.is_tcp != (info.nendpoints > 0));
		for (unsigned i = 0; i < info.nendpoints; i++)
			FBY_BUG_ON(info.endpoints[i][0] == '\0' ||
			    strlen(info.endpoints[i]) >= FBY_INFO_ENDPOINT);
	}
	fby_str_fini(&why);
	return 0;
}
