/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User-defined functions: programs of the user that serve gRPC on a socket.
 *
 * Two documents speak of one: the MonoVertex has a container section for its
 * role, as Numaflow knows it; spec.functions of the Host document says how this
 * machine runs the program, and wins field by field.  A role that the
 * MonoVertex does not have is a mistake in the Host document.
 *
 * A function with a command is started by the master.  Without one somebody
 * else starts it, and the workers wait for its socket.
 */
#ifndef FBY_MANIFEST_FUNCTION_H
#define FBY_MANIFEST_FUNCTION_H

#include "shared/fby.h"

#include "shared/base/str.h"
#include "shared/manifest/retry.h"
#include "shared/settings/settings.h"

/*
 * Name, word, section of the MonoVertex, name of the container as Numaflow has
 * it (NUMAFLOW_UD_CONTAINER_TYPE), socket, file with the server's info.
 */
#define FBY_FUNCTION_ROLES(R)                                               \
	R(TRANSFORMER, "transformer", "spec.source.transformer",            \
	    "transformer", "sourcetransform.sock",                          \
	    "sourcetransformer-server-info")                                \
	R(MAP, "map", "spec.udf", "udf", "map.sock", "mapper-server-info")  \
	R(SINK, "sink", "spec.sink.udsink", "udsink", "sink.sock",          \
	    "sinker-server-info")                                           \
	R(FALLBACK, "fallback", "spec.sink.fallback.udsink", "fb-udsink",   \
	    "fb-sink.sock", "fb-sinker-server-info")                        \
	R(SUCCESS, "onSuccess", "spec.sink.onSuccess.udsink", "ons-udsink", \
	    "ons-sink.sock", "ons-sinker-server-info")

enum fby_function_role {
#define R(name, word, path, container, sock, info) FBY_FUNCTION_##name,
	FBY_FUNCTION_ROLES(R)
#undef R
	    FBY_FUNCTION_N
};

enum fby_function_isolation {
	FBY_FUNCTION_ISOLATION_AUTO,      /* a namespace, if it may be made */
	FBY_FUNCTION_ISOLATION_NAMESPACE, /* or it is not started */
	FBY_FUNCTION_ISOLATION_NONE
};

/*
 * One variable of a function's environment.  Its value is the text, with
 * references "$(NAME)" as Kubernetes has them, or it is in a secret.
 */
struct fby_variable {
	const char *name;
	const char *value; /* NULL: the secret's */
	struct fby_secret secret;
	const char *path; /* its place in the manifest */
	/* Where Kubernetes would take it from, and forebay cannot; NULL. */
	const char *unknown;
};

struct fby_environment {
	struct fby_variable *v;
	size_t n;
};

/* The program, as one of the documents has it. */
struct fby_function_program {
	bool has_command, has_args; /* even an empty list */
	struct fby_strings command, args;
	struct fby_environment env;
};

struct fby_function_host { /* spec.functions.ROLE */
	bool present;
	struct fby_function_program program;
	const char *user;
	int64_t memory_bytes, cpus_milli, instances;
	int isolation;
};

struct fby_function {
	bool present;
	struct {
		const char *image;
		struct fby_function_program program;
	} container;
	struct fby_retry_strategy retry; /* TRANSFORMER, MAP */

	/* ---- what holds, from both documents ---- */

	/*
	 * Program and arguments; empty: somebody else runs it.  A name without
	 * a slash is looked for in PATH.  "{sockets}" in it and in the values
	 * of `env` stands for the instance's directory.
	 */
	struct fby_strings command;
	struct fby_environment env; /* each name once */
	const char *user;           /* name or number; NULL: forebay's own */
	int64_t memory_bytes;       /* 0: no limit */
	int64_t cpus_milli;         /* thousandths of a CPU; 0: no limit */
	int64_t instances;          /* 0: one for each worker */
	int isolation;              /* enum fby_function_isolation */
};

/* "transformer"; "spec.source.transformer"; "sourcetransform.sock", ... */
const char *fby_function_word(enum fby_function_role role);
const char *fby_function_path(enum fby_function_role role);
const char *fby_function_container(enum fby_function_role role);
const char *fby_function_socket(enum fby_function_role role);
const char *fby_function_info(enum fby_function_role role);

#endif
