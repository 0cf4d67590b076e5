/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server-info file; see info.h.
 */
#include "shared/fby.h"

#include "worker/function/info.h"

#include <ctype.h>

#include <jansson.h>

#include "shared/base/str.h"

#define END "U+005C__END__"

/* ---- versions --------------------------------------------------------- */

struct least {
	const char *language;
	unsigned usual[3], on_success[3];
};

static const struct least leasts[] = {
	{ "go", { 0, 9, 0 }, { 0, 10, 2 } },
	{ "java", { 0, 9, 0 }, { 0, 10, 2 } },
	{ "python", { 0, 9, 0 }, { 0, 11, 1 } },
	{ "rust", { 0, 2, 0 }, { 0, 4, 0 } },
};

/* Digits at *p, which moves behind them. */
static int
take_number(const char **p, unsigned *n)
{
	const char *from = *p;

	*n = 0;
	while (isdigit((unsigned char)**p) && *p - from < 9)
		*n = 10 * *n + (unsigned)(*(*p)++ - '0');
	return *p == from || isdigit((unsigned char)**p) ? -1 : 0;
}

/* "a1", "b2", "rc3", ".dev4" and the like come before the release itself. */
static int
is_before_python(const char *rest, bool *before)
{
	static const char *const words[] = { "a", "b", "c", "rc", "alpha",
		"beta", "pre", "preview", "dev" };
	size_t n;

	*before = false;
	while (*rest == '.' || *rest == '-' || *rest == '_')
		rest++;
	if (*rest == '\0' || *rest == '+')
		return 0;
	n = strspn(rest, "abcdefghijklmnopqrstuvwxyz");
	for (size_t i = 0; i < FBY_NELEM(words); i++)
		if (n == strlen(words[i]) && memcmp(rest, words[i], n) == 0)
			*before = true;
	/* A number alone, or "post": after it. */
	return *before || isdigit((unsigned char)*rest) ||
		strncmp(rest, "post", 4) == 0 || strncmp(rest, "r", 1) == 0 ?
	    0 :
	    -1;
}

static int
is_before_semver(const char *rest, bool *before)
{
	*before = *rest == '-';
	return *rest == '\0' || *rest == '-' || *rest == '+' ? 0 : -1;
}

/* The three numbers, of which Python may leave out some, or have more. */
static int
take_release(bool is_python, const char **p, unsigned have[3])
{
	unsigned more;

	for (int i = 0; i < 3; i++) {
		if (i > 0 && **p == '.' && isdigit((unsigned char)(*p)[1]))
			(*p)++;
		else if (i > 0 && is_python)
			break;
		if (i > 0 && (*p)[-1] != '.')
			return -1;
		if (take_number(p, &have[i]) == -1)
			return -1;
	}
	while (is_python && **p == '.' && isdigit((unsigned char)(*p)[1])) {
		(*p)++;
		if (take_number(p, &more) == -1)
			return -1;
	}
	return 0;
}

int
fby_info_compare(bool is_python, const char *version, const unsigned least[3],
    bool *is_enough)
{
	unsigned have[3] = { 0, 0, 0 };
	const char *p = version;
	bool before = false;

	while (*p == 'v')
		p++;
	if (take_release(is_python, &p, have) == -1)
		return -1;
	if ((is_python ? is_before_python : is_before_semver)(p, &before) == -1)
		return -1;
	/* What comes before the least release itself is too old. */
	*is_enough = !before;
	for (int i = 0; i < 3; i++) {
		if (have[i] == least[i])
			continue;
		*is_enough = have[i] > least[i];
		break;
	}
	return 0;
}

static int
check_version(const struct fby_info *info, const char *container,
    struct fby_str *why)
{
	const struct least *l = NULL;
	const unsigned *least;
	bool is_enough;

	for (size_t i = 0; i < FBY_NELEM(leasts); i++)
		if (strcmp(leasts[i].language, info->language) == 0)
			l = &leasts[i];
	if (l == NULL || info->version[0] == '\0')
		return 0;
	least = strcmp(container, "ons-sinker") == 0 ? l->on_success : l->usual;
	if (fby_info_compare(strcmp(l->language, "python") == 0, info->version,
		least, &is_enough) == -1) {
		fby_str_printf(why, "\"%s\" is no version of the SDK for %s",
		    info->version, info->language);
		return -1;
	}
	if (!is_enough)
		fby_str_printf(why,
		    "version %s of the SDK for %s is too old; at least "
		    "%u.%u.%u is needed",
		    info->version, info->language, least[0], least[1],
		    least[2]);
	return is_enough ? 0 : -1;
}

/* ---- fields ----------------------------------------------------------- */

/* The text of a member; "" if it is not there. */
static int
get_text(const json_t *o, const char *name, const char **text,
    struct fby_str *why)
{
	const json_t *v = json_object_get(o, name);

	*text = "";
	if (v == NULL)
		return 0;
	if (!json_is_string(v)) {
		fby_str_printf(why, "\"%s\" is not a text", name);
		return -1;
	}
	*text = json_string_value(v);
	return 0;
}

static void
set_language(struct fby_info *info, const char *language)
{
	const char *known = "unknown";

	for (size_t i = 0; i < FBY_NELEM(leasts); i++)
		if (strcmp(leasts[i].language, language) == 0)
			known = leasts[i].language;
	snprintf(info->language, sizeof(info->language), "%s", known);
}

static void
set_mode(struct fby_info *info, const char *mode)
{
	if (strcmp(mode, "batch-map") == 0)
		info->mode = FBY_INFO_BATCH;
	else if (strcmp(mode, "stream-map") == 0)
		info->mode = FBY_INFO_STREAM;
	else
		info->mode = FBY_INFO_UNARY;
}

/* ASCII that shows. */
static bool
is_word(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] <= ' ' || p[i] > '~')
			return false;
	return true;
}

/* A list with commas between. */
static int
set_endpoints(struct fby_info *info, const char *list, struct fby_str *why)
{
	for (const char *p = list; *p != '\0';) {
		size_t n = strcspn(p, ",");

		if (info->nendpoints == FBY_INFO_ENDPOINTS) {
			fby_str_printf(why,
			    "MULTIPROC_ENDPOINTS has more than %d endpoints",
			    FBY_INFO_ENDPOINTS);
			return -1;
		}
		if (n == 0 || n >= FBY_INFO_ENDPOINT) {
			fby_str_puts(why,
			    "MULTIPROC_ENDPOINTS has an endpoint "
			    "that is empty or too long");
			return -1;
		}
		if (!is_word(p, n)) {
			fby_str_puts(why,
			    "MULTIPROC_ENDPOINTS has an endpoint that is no "
			    "host and port");
			return -1;
		}
		memcpy(info->endpoints[info->nendpoints++], p, n);
		p += n + (p[n] == ',');
	}
	if (info->is_tcp && info->nendpoints == 0) {
		fby_str_puts(why,
		    "protocol is tcp, and MULTIPROC_ENDPOINTS says no "
		    "endpoint");
		return -1;
	}
	return 0;
}

static int
set_processes(struct fby_info *info, const char *text, struct fby_str *why)
{
	if (*text == '\0')
		return 0;
	if (take_number(&text, &info->processes) == -1 || *text != '\0' ||
	    info->processes < 1 || info->processes > FBY_INFO_ENDPOINTS) {
		fby_str_printf(why, "MULTIPROC is no number from 1 to %d",
		    FBY_INFO_ENDPOINTS);
		return -1;
	}
	return 0;
}

static int
take_metadata(struct fby_info *info, const json_t *o, struct fby_str *why)
{
	const char *mode, *endpoints, *processes;

	if (o != NULL && !json_is_null(o) && !json_is_object(o)) {
		fby_str_puts(why, "\"metadata\" is not an object");
		return -1;
	}
	if (get_text(o, "MAP_MODE", &mode, why) == -1 ||
	    get_text(o, "MULTIPROC", &processes, why) == -1 ||
	    get_text(o, "MULTIPROC_ENDPOINTS", &endpoints, why) == -1 ||
	    set_processes(info, processes, why) == -1 ||
	    set_endpoints(info, info->is_tcp ? endpoints : "", why) == -1)
		return -1;
	set_mode(info, mode);
	return 0;
}

static int
take_object(struct fby_info *info, const json_t *o, struct fby_str *why)
{
	const char *protocol, *language, *version;

	if (!json_is_object(o)) {
		fby_str_puts(why, "it is not a JSON object");
		return -1;
	}
	if (get_text(o, "protocol", &protocol, why) == -1 ||
	    get_text(o, "language", &language, why) == -1 ||
	    get_text(o, "version", &version, why) == -1)
		return -1;
	info->is_tcp = strcmp(protocol, "tcp") == 0;
	set_language(info, language);
	fby_str_print_into(info->version, sizeof(info->version), version,
	    strlen(version));
	return take_metadata(info, json_object_get(o, "metadata"), why);
}

/* ---- the file --------------------------------------------------------- */

bool
fby_info_is_whole(const char *text, size_t len)
{
	const size_t n = sizeof(END) - 1;

	return len >= n && memcmp(text + len - n, END, n) == 0;
}

int
fby_info_parse(struct fby_info *info, const char *container, const char *text,
    size_t len, struct fby_str *why)
{
	json_error_t error;
	json_t *o;
	int rc;

	*info = (struct fby_info){ .mode = FBY_INFO_UNARY };
	if (!fby_info_is_whole(text, len)) {
		fby_str_puts(why, "it does not end with \"" END "\"");
		return -1;
	}
	o = json_loadb(text, len - (sizeof(END) - 1),
	    JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
	if (o == NULL) {
		fby_str_printf(why, "%d:%d: it is not JSON: ", error.line,
		    error.column);
		fby_str_printable(why, error.text, strlen(error.text));
		return -1;
	}
	rc = take_object(info, o, why);
	if (rc == 0)
		rc = check_version(info, container, why);
	json_decref(o);
	return rc;
}
