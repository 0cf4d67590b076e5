/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: one table of commands, from which it is read and the help
 * is made.  What the commands do is in main.c.
 */
#ifndef FBY_USAGE_H
#define FBY_USAGE_H

#include "shared/fby.h"

#include "master/cli/client.h"

/* What a command takes; anything else is refused. */
enum fby_takes {
	FBY_TAKES_FILES = 1,      /* -c FILE, any number of times */
	FBY_TAKES_DIR = 2,        /* -d DIR */
	FBY_TAKES_JSON = 4,       /* --json */
	FBY_TAKES_LIBEXEC = 8,    /* --libexec DIR */
	FBY_TAKES_ARG = 16,       /* one argument */
	FBY_TAKES_SIGNALS = 32,   /* it lets in what main() holds by itself */
	FBY_TAKES_YES = 64,       /* --yes */
	FBY_TAKES_CHECK = 128,    /* --check */
	FBY_TAKES_TEST = 1 << 24, /* what only `test` takes */
	FBY_TAKES_COMPARE = 256   /* and up: what only `compare` takes */
};

/* Of `compare`: name, argument if it has one, help. */
/* clang-format off */
#define FBY_COMPARE_OPTIONS(O)                                              \
	O(RUNTIMES, "runtimes", "A,B",                                      \
	    "which runtimes; else all that are installed")                  \
	O(MODE, "mode", "batch,single",                                     \
	    "batches as limits say (default), or one record at a time")     \
	O(RECORDS, "records", "N",                                          \
	    "so many of each topic; else all that are there")               \
	O(FOR, "for", "TIME", "at most so long for each run, e.g. 60s")     \
	O(ROUNDS, "rounds", "N", "so many runs of each (3)")                \
	O(SINK, "sink", "SINK", "blackhole (default), or as-is: the real one") \
	O(CREATE, "create", "",                                           \
	    "may make topics of its own; measures latency, too")            \
	O(SIZE, "size", "100,1024",                                         \
	    "topics with records of so many bytes; with --create")          \
	O(RATE, "rate", "N", "records per second for latency (100)")        \
	O(LATENCY, "latency", "TIME", "how long it is measured (5s)")       \
	O(HTML, "html", "FILE", "a page with plots")
/* clang-format on */

enum fby_compare_option {
#define O(id, name, arg, help) FBY_OPT_##id,
	FBY_COMPARE_OPTIONS(O)
#undef O
	    FBY_OPT_N
};

#define FBY_TAKES_COMPARE_ALL (((1u << FBY_OPT_N) - 1) * FBY_TAKES_COMPARE)

struct fby_command;

struct fby_options {
	const struct fby_command *commands; /* all of them */
	struct fby_client client;           /* -c -d --json */
	const char *libexec;
	const char *arg;                /* NULL: none */
	bool no_secrets, ignored;       /* of `test` */
	bool check;                     /* of `status` */
	const char *compare[FBY_OPT_N]; /* NULL: not given */
};

struct fby_command {
	const char *name;
	unsigned takes;       /* enum fby_takes */
	const char *arg;      /* what it is called in the help */
	const char *sentence; /* NULL: not in the list of commands */
	const char *more;     /* for `help NAME`; may be NULL */
	int (*fn)(const struct fby_options *o);
};

#define FBY_EXIT_USAGE 2 /* also of a bad manifest */

/*
 * Read the command line and run the command that it names, or the first one
 * of the table, which ends without a name.  The exit status.
 */
int fby_usage_run(int argc, char **argv, const struct fby_command *commands);

/* The help of one command, or of all if name is NULL; the exit status. */
int fby_usage_help(const struct fby_command *commands, const char *name);

#endif
