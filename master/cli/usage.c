/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line; see usage.h.
 *
 * Options may be before or after the command, so that `forebay -c FILE` and
 * `forebay reload -c FILE` differ by one word wherever it is put.
 */
#include "shared/fby.h"

#include "master/cli/usage.h"

#include <getopt.h>

#include "shared/base/mem.h"

#include "master/base/signal_mask.h"
#include "master/cli/check.h"

enum {
	OPT_JSON = 256,
	OPT_LIBEXEC,
	OPT_YES,
	OPT_NO_SECRETS,
	OPT_IGNORED,
	OPT_CHECK,
	OPT_COMPARE
};

/* clang-format off */
static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "directory", required_argument, NULL, 'd' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "libexec", required_argument, NULL, OPT_LIBEXEC },
	{ "yes", no_argument, NULL, OPT_YES },
	{ "no-secrets", no_argument, NULL, OPT_NO_SECRETS },
	{ "ignored", no_argument, NULL, OPT_IGNORED },
	{ "check", no_argument, NULL, OPT_CHECK },
#define O(id, name, arg, help)                                  \
	{ name, sizeof(arg) > 1 ? required_argument : no_argument, NULL, \
	    OPT_COMPARE + FBY_OPT_##id },
	FBY_COMPARE_OPTIONS(O)
#undef O
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static const struct {
	unsigned	 takes;
	const char	*usage, *option, *help;
} options[] = {
	{ FBY_TAKES_FILES, " [-c FILE]...", "-c, --config FILE",
	    "manifest; FILE#NAME picks one of many, - is standard input" },
	{ FBY_TAKES_DIR, " [-d DIR]", "-d, --directory DIR",
	    "run directory of the master that is meant" },
	{ FBY_TAKES_JSON, " [--json]", "    --json",
	    "JSON instead of text" },
	{ FBY_TAKES_LIBEXEC, " [--libexec DIR]", "    --libexec DIR",
	    "where forebay-worker is" },
	{ FBY_TAKES_YES, " [--yes]", "    --yes",
	    "the only master that runs is meant: do not ask" },
	{ FBY_TAKES_CHECK, " [--check]", "    --check",
	    "one line, and an exit status for monitoring" },
	{ FBY_TAKES_TEST, NULL, "    --no-secrets",
	    "on another machine than the one it is for" },
	{ FBY_TAKES_TEST, NULL, "    --ignored",
	    "name what has no effect here" },
#define O(id, name, arg, help)                                              \
	{ (unsigned)FBY_TAKES_COMPARE << FBY_OPT_##id, NULL,            \
	    "    --" name " " arg, help },
	FBY_COMPARE_OPTIONS(O)
#undef O
};
/* clang-format on */

static const struct fby_command *
find_command(const struct fby_command *commands, const char *name)
{
	for (const struct fby_command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* ---- help ------------------------------------------------------------- */

static void
print_usage(const struct fby_command *commands, const struct fby_command *c)
{
	/* The first command may be left out. */
	printf(c == commands ? "usage: forebay [%s]" : "usage: forebay %s",
	    c->name);
	for (size_t i = 0; i < FBY_NELEM(options); i++)
		if (options[i].usage && (c->takes & options[i].takes))
			fputs(options[i].usage, stdout);
	if (c->takes & (FBY_TAKES_COMPARE | FBY_TAKES_TEST))
		fputs(" [OPTION]...", stdout);
	if (c->takes & FBY_TAKES_ARG)
		printf(" [%s]", c->arg);
	fputs("\n", stdout);
}

static void
print_command(const struct fby_command *commands, const struct fby_command *c)
{
	print_usage(commands, c);
	if (c->sentence)
		printf("\n%s.\n", c->sentence);
	if (c->more)
		printf("\n%s\n", c->more);
	if (c->takes & ~(unsigned)FBY_TAKES_ARG)
		fputs("\n", stdout);
	for (size_t i = 0; i < FBY_NELEM(options); i++)
		if (c->takes & options[i].takes)
			printf("  %-22s %s\n", options[i].option,
			    options[i].help);
}

static void
print_all(const struct fby_command *commands)
{
	puts("forebay " FBY_VERSION ": moves the records of a Kafka topic, "
	     "as a Numaflow MonoVertex says,\nwith a pool of workers on one "
	     "machine.\n\nusage: forebay [COMMAND] [OPTION]... [ARGUMENT]\n");
	for (const struct fby_command *c = commands; c->name; c++)
		if (c->sentence)
			printf("  %-9s %s\n", c->name, c->sentence);
	puts("");
	for (size_t i = 0; i < FBY_NELEM(options); i++)
		if (options[i].usage)
			printf("  %-22s %s\n", options[i].option,
			    options[i].help);
	printf("  %-22s %s\n  %-22s %s\n\n", "-h, --help", "this text",
	    "-V, --version", "the version");
	puts("`forebay help COMMAND` says more.  See also forebay(8) and "
	     "forebay.yaml(5).");
}

int
fby_usage_help(const struct fby_command *commands, const char *name)
{
	const struct fby_command *c;

	if (name == NULL) {
		print_all(commands);
		return 0;
	}
	if ((c = find_command(commands, name)) == NULL) {
		fprintf(stderr,
		    "forebay: there is no command \"%s\"; "
		    "`forebay help` lists them\n",
		    name);
		return FBY_EXIT_USAGE;
	}
	print_command(commands, c);
	return 0;
}

/* ---- reading ---------------------------------------------------------- */

struct line {
	struct fby_options o;
	unsigned given; /* enum fby_takes */
	bool help, version;
};

static void
add_file(struct fby_client *cl, char *file)
{
	cl->files = fby_realloc(cl->files,
	    (cl->nfiles + 1) * sizeof(*cl->files));
	cl->files[cl->nfiles++] = file;
}

/* -1: getopt has said what is wrong.  All of them are looked at. */
static int
read_options(struct line *l, int argc, char **argv)
{
	int opt, rc = 0;

	for (;;) {
		opt = getopt_long(argc, argv, "c:d:hV", long_options, NULL);
		switch (opt) {
		case -1:
			return rc;
		case 'c':
			l->given |= FBY_TAKES_FILES;
			add_file(&l->o.client, optarg);
			break;
		case 'd':
			l->given |= FBY_TAKES_DIR;
			l->o.client.dir = optarg;
			break;
		case OPT_JSON:
			l->given |= FBY_TAKES_JSON;
			l->o.client.json = true;
			break;
		case OPT_LIBEXEC:
			l->given |= FBY_TAKES_LIBEXEC;
			l->o.libexec = optarg;
			break;
		case OPT_YES:
			l->given |= FBY_TAKES_YES;
			l->o.client.yes = true;
			break;
		case OPT_NO_SECRETS:
			l->given |= FBY_TAKES_TEST;
			l->o.no_secrets = true;
			break;
		case OPT_IGNORED:
			l->given |= FBY_TAKES_TEST;
			l->o.ignored = true;
			break;
		case OPT_CHECK:
			l->given |= FBY_TAKES_CHECK;
			l->o.check = true;
			break;
		case 'h':
			l->help = true;
			break;
		case 'V':
			l->version = true;
			break;
		default:
			if (opt < OPT_COMPARE) {
				rc = -1;
				break;
			}
			opt -= OPT_COMPARE;
			l->given |= (unsigned)FBY_TAKES_COMPARE << opt;
			l->o.compare[opt] = optarg ? optarg : "";
			break;
		}
	}
}

/* NULL: what was given does not go with the command, and it is said. */
static const struct fby_command *
choose(struct line *l, int argc, char **argv,
    const struct fby_command *commands)
{
	const struct fby_command *c = commands;

	if (optind < argc &&
	    (c = find_command(commands, argv[optind++])) == NULL) {
		fprintf(stderr, "forebay: there is no command \"%s\"",
		    argv[optind - 1]);
		return NULL;
	}
	if (optind < argc) {
		l->given |= FBY_TAKES_ARG;
		l->o.arg = argv[optind++];
	}
	if (optind < argc || (l->given & ~c->takes & FBY_TAKES_ARG)) {
		fprintf(stderr,
		    "forebay: `%s` does not know what to do with "
		    "\"%s\"",
		    c->name, argv[argc - 1]);
		return NULL;
	}
	for (size_t i = 0; i < FBY_NELEM(options); i++)
		if (l->given & ~c->takes & options[i].takes) {
			fprintf(stderr,
			    "forebay: `%s` does not take the "
			    "option %.*s",
			    c->name, (int)strcspn(options[i].option + 4, " "),
			    options[i].option + 4);
			return NULL;
		}
	return c;
}

int
fby_usage_run(int argc, char **argv, const struct fby_command *commands)
{
	const struct fby_command *c = NULL;
	struct line l = { .o.commands = commands };
	int status = FBY_EXIT_USAGE;

	if (read_options(&l, argc, argv) == -1) {
		fputs("`forebay help` lists commands and options\n", stderr);
		goto out;
	}
	if (l.version) {
		c = find_command(commands, "version");
		status = c->fn(&l.o);
		goto out;
	}
	if (l.help) {
		status = fby_usage_help(commands,
		    optind < argc ? argv[optind] : NULL);
		goto out;
	}
	if ((c = choose(&l, argc, argv, commands)) == NULL) {
		fputs("; `forebay help` lists what there is\n", stderr);
		goto out;
	}
	if ((c->takes & FBY_TAKES_SIGNALS) == 0)
		fby_signal_mask_release();
	status = c->fn(&l.o);
out:
	/* To a monitoring system the 2 of a wrong option would be CRITICAL. */
	if (c == NULL && l.o.check)
		status = FBY_CHECK_UNKNOWN;
	free(l.o.client.files);
	return status;
}
