/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roles of functions in words; see manifest/functions.c for the rest.
 */
#include "shared/fby.h"

#include "shared/manifest/function.h"

static const struct {
	const char *word, *path, *container, *socket, *info;
} roles[FBY_FUNCTION_N] = {
#define R(name, word, path, container, sock, info) \
	{ word, path, container, sock, info },
	FBY_FUNCTION_ROLES(R)
#undef R
};

const char *
fby_function_word(enum fby_function_role role)
{
	return roles[role].word;
}

const char *
fby_function_path(enum fby_function_role role)
{
	return roles[role].path;
}

const char *
fby_function_container(enum fby_function_role role)
{
	return roles[role].container;
}

const char *
fby_function_socket(enum fby_function_role role)
{
	return roles[role].socket;
}

const char *
fby_function_info(enum fby_function_role role)
{
	return roles[role].info;
}
