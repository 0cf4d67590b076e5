/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: one table of commands, from which it is read and the help
 * is made.  What the commands do is in main.c.
 */
#ifndef FBY_USAGE_H
#define FBY_USAGE_H

#include "shared/fby.h"

#include "master/client.h"

/* What a command takes; anything else is refused. */
enum fby_takes {
	FBY_TAKES_FILES = 1,   /* -c FILE, any number of times */
	FBY_TAKES_DIR = 2,     /* -d DIR */
	FBY_TAKES_JSON = 4,    /* --json */
	FBY_TAKES_LIBEXEC = 8, /* --libexec DIR */
	FBY_TAKES_ARG = 16,    /* one argument */
};

struct fby_command;

struct fby_options {
	const struct fby_command *commands; /* all of them */
	struct fby_client client;           /* -c -d --json */
	const char *libexec;
	const char *arg; /* NULL: none */
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
