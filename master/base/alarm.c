/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What needs an operator; see alarm.h.
 */
#include "shared/fby.h"

#include "master/base/alarm.h"

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/str.h"

#include "master/base/notify.h"

/* A sentence with figures in it changes with each look. */
#define SAY_AGAIN_MS 30000

const char *const fby_alarm_names[] = {
#define A(name, word, unready) word,
	FBY_ALARMS(A)
#undef A
};

bool
fby_alarm_is_unready(enum fby_alarm a)
{
	static const bool list[] = {
#define A(name, word, unready) unready,
		FBY_ALARMS(A)
#undef A
	};

	return list[a];
}

const char *
fby_alarm_text(const struct fby_alarms *alarms, enum fby_alarm a)
{
	return alarms->slots[a].text;
}

void
fby_alarm_fini(struct fby_alarms *alarms)
{
	for (size_t i = 0; i < FBY_ALARM_N; i++) {
		free(alarms->slots[i].text);
		alarms->slots[i].text = NULL;
	}
}

void
fby_alarm_set(struct fby_alarms *alarms, enum fby_alarm a, const char *fmt, ...)
{
	struct fby_alarm_slot *slot = &alarms->slots[a];
	int64_t now = fby_clock_mono();
	bool is_new = slot->text == NULL;
	va_list ap;
	char *text;
	size_t len;

	va_start(ap, fmt);
	text = fby_vasprintf(fmt, ap);
	va_end(ap);
	for (len = strlen(text); len > 0 && text[len - 1] == '\n';)
		text[--len] = '\0';
	if (!is_new && strcmp(slot->text, text) == 0) {
		free(text);
		return;
	}
	free(slot->text);
	slot->text = text;
	if (is_new)
		slot->since = fby_clock_wall();
	if (is_new || now - slot->said_at >= SAY_AGAIN_MS) {
		slot->said_at = now;
		fby_warn("%s: %s", fby_alarm_names[a], text);
	}
	if (alarms->notify)
		fby_notify_status(alarms->notify, "%s: %s", fby_alarm_names[a],
		    text);
}

void
fby_alarm_clear(struct fby_alarms *alarms, enum fby_alarm a)
{
	struct fby_alarm_slot *slot = &alarms->slots[a];

	if (slot->text == NULL)
		return;
	fby_notice("%s: over (was: %s)", fby_alarm_names[a], slot->text);
	free(slot->text);
	slot->text = NULL;
}
