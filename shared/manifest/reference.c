/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables in words: conf/REFERENCE.md, and the list of forebay.yaml(5).
 * One walk, two printers.
 */
#include "shared/fby.h"

#include "shared/manifest/manifest.h"

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/base/units.h"
#include "shared/manifest/tables.h"

#define MAX_SEEN 32

struct printer {
	struct fby_str s;
	struct fby_pool *pool;
	unsigned mask, want; /* rows whose flags & mask == want */
	void (*row)(struct printer *p, const struct fby_directive *d,
	    const char *path, const char *type, enum fby_policy policy);
	/* A table that two places share is printed once. */
	struct {
		const void *table;
		const char *path;
	} seen[MAX_SEEN];
	size_t nseen;
};

/* ---- a row in words --------------------------------------------------- */

static const char *
enum_text(struct fby_pool *pool, const struct fby_enum *e)
{
	struct fby_str s;
	const char *text;

	fby_str_init(&s);
	for (; e->name; e++)
		if (*e->name)
			fby_str_printf(&s, "%s%s", s.len ? ", " : "", e->name);
	text = fby_pstrdup(pool, s.p);
	fby_str_fini(&s);
	return text;
}

static const char *
range_text(struct fby_pool *pool, const struct fby_directive *d)
{
	switch (d->type) {
	case FBY_T_INT:
		return fby_psprintf(pool,
		    "whole number, %" PRId64 " to %" PRId64, d->min, d->max);
	case FBY_T_NUM:
		return fby_psprintf(pool, "number, %" PRId64 " to %" PRId64,
		    d->min, d->max);
	case FBY_T_MSEC:
		return fby_psprintf(pool, "duration, %s to %s",
		    fby_units_duration_text(pool, d->min),
		    fby_units_duration_text(pool, d->max));
	default:
		return fby_psprintf(pool, "size, %s to %s",
		    fby_units_bytes_text(pool, d->min),
		    fby_units_bytes_text(pool, d->max));
	}
}

static const char *
type_text(struct fby_pool *pool, const struct fby_directive *d)
{
	if (d->flags & FBY_D_SECRET)
		return "secret";
	switch (d->type) {
	case FBY_T_STR:
		return "text";
	case FBY_T_BOOL:
		return "true or false";
	case FBY_T_INT:
	case FBY_T_NUM:
	case FBY_T_MSEC:
	case FBY_T_BYTES:
		return range_text(pool, d);
	case FBY_T_ENUM:
		return enum_text(pool, d->arg);
	case FBY_T_STRS:
		return "list of texts";
	case FBY_T_BLOCK:
		return "map";
	case FBY_T_LIST:
		return "list";
	case FBY_T_MAP:
		return "map of texts";
	case FBY_T_ANY:
		return "anything";
	case FBY_T_OWN:
		return ((const struct fby_own *)d->arg)->syntax;
	}
	return "";
}

static const char *
default_text(const struct fby_directive *d)
{
	if (d->flags & FBY_D_REQUIRED)
		return "required";
	return d->dflt ? d->dflt : d->unset ? d->unset : "";
}

static const char *
policy_text(enum fby_policy policy)
{
	static const char *const names[] = {
		[FBY_POLICY_NONE] = "",
		[FBY_POLICY_LIVE] = "live",
		[FBY_POLICY_ROLL] = "roll",
		[FBY_POLICY_RESTART] = "restart",
	};

	return names[policy];
}

/* ---- the walk --------------------------------------------------------- */

static const char *
seen_before(struct printer *p, const void *table, const char *path)
{
	for (size_t i = 0; i < p->nseen; i++)
		if (p->seen[i].table == table)
			return p->seen[i].path;
	if (p->nseen < MAX_SEEN) {
		p->seen[p->nseen].table = table;
		p->seen[p->nseen++].path = path;
	}
	return NULL;
}

static void
walk(struct printer *p, const struct fby_directive *table, const char *path,
    enum fby_policy block)
{
	for (const struct fby_directive *d = table; d->name; d++) {
		const enum fby_policy policy = fby_conf_policy(d, block);
		const char *at = *path ?
		    fby_psprintf(p->pool, "%s.%s", path, d->name) :
		    d->name;
		const char *type = type_text(p->pool, d), *twin = NULL;
		const bool is_block = d->type == FBY_T_BLOCK &&
		    !(d->flags & FBY_D_SECRET);
		const struct fby_directive *sub = is_block ? d->arg : NULL;

		if (fby_manifest_is_refused(at))
			continue;
		if (sub && sub->name && (d->flags & p->mask) == p->want)
			twin = seen_before(p, sub, at);
		if (twin)
			type = fby_psprintf(p->pool, "as %s", twin);
		if ((d->flags & p->mask) == p->want)
			p->row(p, d, at, type, policy);
		if (sub && twin == NULL)
			walk(p, sub, at, policy);
	}
}

static void
start(struct printer *p)
{
	memset(p, 0, sizeof(*p));
	fby_str_init(&p->s);
	p->pool = fby_pool_new(FBY_ARENA_CONFIG);
}

static char *
finish(struct printer *p)
{
	fby_pool_free(p->pool);
	return fby_str_take(&p->s);
}

static void
section(struct printer *p, unsigned mask, unsigned want,
    const struct fby_directive *table)
{
	p->mask = mask;
	p->want = want;
	p->nseen = 0;
	walk(p, table, "", FBY_POLICY_NONE);
}

/* ---- Markdown --------------------------------------------------------- */

static void
md_row(struct printer *p, const struct fby_directive *d, const char *path,
    const char *type, enum fby_policy policy)
{
	const char *dflt = default_text(d);
	const bool is_word = d->dflt && !(d->flags & FBY_D_REQUIRED);

	fby_str_printf(&p->s, "| `%s` | %s | %s%s%s | %s | %s |\n", path, type,
	    is_word ? "`" : "", dflt, is_word ? "`" : "", policy_text(policy),
	    d->help);
}

static void
md_short_row(struct printer *p, const struct fby_directive *d, const char *path,
    const char *type, enum fby_policy policy)
{
	(void)type;
	(void)policy;
	fby_str_printf(&p->s, "| `%s` | %s |\n", path, d->help);
}

static void
md_refused_roles(struct printer *p)
{
	for (int i = 0; i < FBY_FUNCTION_N; i++) {
		const enum fby_function_role role = (enum fby_function_role)i;
		const char *why = fby_manifest_function_refused(role);

		if (why)
			fby_str_printf(&p->s,
			    "| `%s` | %s; another runtime may "
			    "(NUMAFLOW_RUNTIME) |\n",
			    fby_function_path(role), why);
	}
}

static void
md_head(struct printer *p, const char *title, const char *text)
{
	fby_str_printf(&p->s,
	    "\n## %s\n\n%s\n\n"
	    "| setting | type | default | change | meaning |\n"
	    "|---|---|---|---|---|\n",
	    title, text);
}

static void
md_short_head(struct printer *p, const char *title, const char *text)
{
	fby_str_printf(&p->s,
	    "\n## %s\n\n%s\n\n"
	    "| setting | meaning |\n|---|---|\n",
	    title, text);
}

static const char md_intro[] =
    "# Settings of forebay\n"
    "\n"
    "<!-- Made from the directive tables; a test compares. -->\n"
    "\n"
    "A manifest is two YAML documents, in one file or in two: `kind: "
    "MonoVertex`, the\nsame that `kubectl apply` takes, and `kind: Host` "
    "for everything that Numaflow does\nnot have. The second may be left "
    "out. `forebay test -c FILE` checks it, `forebay dump\n-c FILE` prints "
    "what is in effect.\n"
    "\n"
    "Other documents of the files (Secrets, ConfigMaps, Services) are passed "
    "over with a\nnote; a `kind: List` is its items. Of several MonoVertices "
    "`-c FILE#NAME` picks one,\nwith the Host document of that `metadata.name`, "
    "or else the one without a name. Merge\nkeys (`<<`) are resolved. Values "
    "and text have limits that count aliases as if they were\nwritten out: "
    "20,000 values, 4 MiB.\n"
    "\n"
    "*change* says what `forebay reload` does with a new value: **live**, "
    "it applies the value in\nplace; **roll**, it replaces the workers one "
    "by one, without a rebalance of the group;\n**restart**, it refuses the "
    "change. Where a runtime other than `c` moves the records, a\nreload "
    "starts it anew, and no change in the MonoVertex document needs a "
    "restart.\n"
    "\n"
    "A *duration* is written as in Go: `500ms`, `1m30s`; a part of "
    "a millisecond is\nrounded up. A *size* is `64MiB`, `1GB`, or a "
    "number of bytes. A *secret* is `{name, key,\noptional}`: the file "
    "`NAME/KEY` in `secretsDirectory`, else the systemd credential\n"
    "`NAME.KEY`; unless `optional` is true, it must be there.\n";

static const char md_config[] =
    "\nIn `config`, these are always forebay's own: `bootstrap.servers` "
    "and `group.id` (they are\n`brokers` and `consumerGroup`), "
    "`enable.auto.commit`, `enable.auto.offset.store`,\n"
    "`enable.partition.eof`, `log.queue`, "
    "`delivery.report.only.error`, `transactional.id`.\n"
    "A setting that names a program, a library or a file of this machine "
    "(`sasl.kerberos.kinit.cmd`,\n`plugin.library.paths`, "
    "`ssl.engine.location`, `ssl.providers`, `ssl.ca.location` and the\n"
    "like) is refused there and has its place in `spec.kafka.config` of the "
    "Host document;\ncertificates and keys come from `tls`, as secrets.\n"
    "\n"
    "Where they differ from librdkafka's, the defaults are:\n"
    "\n"
    "| setting | source | sink |\n"
    "|---|---|---|\n"
    "| `client.id` | `forebay-NAME` | `forebay-NAME` |\n"
    "| `group.instance.id` | `forebay-HASH-NAME`, of the run directory (its "
    "path and its file `identity`), machine and host name; empty turns "
    "static membership off | |\n"
    "| `session.timeout.ms` | `15000` | |\n"
    "| `heartbeat.interval.ms` | `1000` | |\n"
    "| `topic.metadata.refresh.interval.ms` | `5000` | |\n"
    "| `reconnect.backoff.max.ms` | `1000` | `1000` |\n"
    "| `fetch.queue.backoff.ms` | `10` | |\n"
    "| `fetch.wait.max.ms` | `100` | |\n"
    "| `queued.max.messages.kbytes` | `1024` for each partition; a 64th of "
    "`memory.budget`, 64 to 1024 | |\n"
    "| `fetch.message.max.bytes` | `1048576`, the same in bytes | |\n"
    "| `fetch.max.bytes` | `16777216`, a quarter of `memory.budget`, "
    "`52428800` at most | |\n"
    "| `enable.idempotence` | | `true`, unless your own `acks`, `retries` or "
    "`max.in.flight` exclude it, which is said |\n"
    "| `linger.ms` | | `5` |\n"
    "| `message.timeout.ms` | | `30000`, then the retry strategy goes on |\n"
    "| `message.max.bytes` | | `1000000000`: the broker decides |\n"
    "| `queue.buffering.max.messages` | | `0`: the memory budget decides |\n"
    "\n"
    "`check.crcs` is off, as librdkafka has it: a byte that was flipped in a "
    "batch, on the\nbroker's disk or on the way, is delivered as it is unless "
    "the batch cannot be decoded any\nmore. `check.crcs: true` in the source's "
    "`config` makes librdkafka compare each batch with its\nchecksum: one "
    "that is damaged then stops its partition, with an alarm, and `forebay "
    "skip` passes it.\nIt costs about 3 % of the CPU time of uncompressed "
    "records of 100 bytes, 16 % of 1 KiB, and nothing\nmeasurable of "
    "compressed ones.\n"
    "\n"
    "With `setKey: true` the key's CRC-32 chooses the partition "
    "(`partitioner: consistent_random`,\nlibrdkafka's default, and so that of "
    "Numaflow's sink). The Java client has murmur2: where it writes\nto the "
    "topic, too, `partitioner: murmur2_random` in `config` sends each key to "
    "the partition that\nJava chooses. "
    "[MIGRATION.md](MIGRATION.md) says what else differs from Numaflow.\n"
    "\n"
    "A Kafka sink writes each record with its own timestamp in milliseconds, "
    "-1 (\"none\") and what\nis before 1970, too. librdkafka takes 0 for "
    "\"now\": a record whose timestamp is 0 is written\nwith 1 and the "
    "header `forebay-timestamp: 0`. A topic with `message.timestamp.type: "
    "LogAppendTime`\ngets the broker's time instead.\n";

char *
fby_manifest_reference(void)
{
	const unsigned not_ours = FBY_D_K8S | FBY_D_REFUSED;
	struct printer p;

	start(&p);
	p.row = md_row;
	fby_str_puts(&p.s, md_intro);
	md_head(&p, "MonoVertex", "The settings that forebay obeys.");
	section(&p, not_ours, 0, fby_manifest_mvtx_table);
	fby_str_puts(&p.s, md_config);
	md_head(&p, "Host",
	    "Settings of this machine; each has a default, or may be left out.");
	section(&p, not_ours, 0, fby_manifest_host_table);
	p.row = md_short_row;
	md_short_head(&p, "MonoVertex: refused with the runtime `c`",
	    "Other runtimes get these settings unchanged.");
	section(&p, not_ours, FBY_D_REFUSED, fby_manifest_mvtx_table);
	md_refused_roles(&p);
	md_short_head(&p, "MonoVertex: settings for Kubernetes",
	    "Accepted, and without effect here.");
	section(&p, not_ours, FBY_D_K8S, fby_manifest_mvtx_table);
	return finish(&p);
}

/* ---- man page --------------------------------------------------------- */

/* A dash would become a hyphen, a leading dot a macro. */
static void
man_text(struct fby_str *s, const char *text)
{
	if (*text == '.' || *text == '\'')
		fby_str_puts(s, "\\&");
	for (const char *p = text; *p; p++)
		if (*p == '\\')
			fby_str_puts(s, "\\e");
		else if (*p == '-')
			fby_str_puts(s, "\\-");
		else if (*p != '`')
			fby_str_add(s, p, 1);
}

static void
man_row(struct printer *p, const struct fby_directive *d, const char *path,
    const char *type, enum fby_policy policy)
{
	const char *dflt = default_text(d);

	fby_str_puts(&p->s, ".TP\n.B ");
	man_text(&p->s, path);
	fby_str_puts(&p->s, "\n");
	man_text(&p->s, d->help);
	fby_str_puts(&p->s, "\n(");
	man_text(&p->s, type);
	if (*dflt) {
		fby_str_printf(&p->s, "; %s",
		    d->dflt && !(d->flags & FBY_D_REQUIRED) ? "default " : "");
		man_text(&p->s, dflt);
	}
	if (policy != FBY_POLICY_NONE)
		fby_str_printf(&p->s, "; %s", policy_text(policy));
	fby_str_puts(&p->s, ")\n");
}

char *
fby_manifest_man(void)
{
	const unsigned not_ours = FBY_D_K8S | FBY_D_REFUSED;
	struct printer p;

	start(&p);
	p.row = man_row;
	fby_str_puts(&p.s, ".SS MonoVertex\n");
	section(&p, not_ours, 0, fby_manifest_mvtx_table);
	fby_str_puts(&p.s, ".SS Host\n");
	section(&p, not_ours, 0, fby_manifest_host_table);
	return finish(&p);
}
