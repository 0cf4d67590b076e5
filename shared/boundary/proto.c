/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sentences for what proto.h numbers.
 */
#include "shared/fby.h"

#include "shared/boundary/proto.h"

#include "shared/base/mem.h"

_Static_assert((int)FBY_EXIT_OOM == FBY_MEM_EXIT, "one code for both");

static const struct {
	int code;
	const char *sentence;
	bool respawn;
} exits[] = {
#define E(name, number, sentence, respawn) { number, sentence, respawn },
	FBY_EXITS(E)
#undef E
};

const char *
fby_exit_sentence(int code)
{
	for (size_t i = 0; i < FBY_NELEM(exits); i++)
		if (exits[i].code == code)
			return exits[i].sentence;
	return "exited for an unknown reason";
}

bool
fby_exit_respawn(int code)
{
	for (size_t i = 0; i < FBY_NELEM(exits); i++)
		if (exits[i].code == code)
			return exits[i].respawn;
	return true;
}

const char *
fby_failure_role_word(enum fby_failure_role role)
{
	static const char *const words[] = {
#define R(name, word) word,
		FBY_FAILURE_ROLES(R)
#undef R
	};

	return role < FBY_NELEM(words) ? words[role] : "unknown role";
}
