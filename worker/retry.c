/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a record goes that a sink refused; see retry.h.
 */
#include "shared/fby.h"

#include "worker/retry.h"

#include <math.h>

#include "worker/stage.h"

#define QUICK_RETRIES 100
#define SLOW_MS 1000

/* The last resort must not be in a hurry, whatever the sink's strategy. */
static const struct fby_retry_strategy dead_letter = {
	.interval_ms = 100,
	.cap_ms = 10000,
	.factor = 2,
	.jitter = 0.1,
};

/* Those that end in the dead-letter topic, if there is one. */
static enum fby_retry
last_resort(const struct fby_manifest *m, bool is_over)
{
	return is_over && m->sinks[FBY_SINK_DEAD_LETTER].present ?
	    FBY_RETRY_DEAD_LETTER :
	    FBY_RETRY_AGAIN;
}

static const struct fby_retry_strategy *
strategy_of(const struct fby_manifest *m, unsigned role)
{
	if (role == FBY_SINK_DEAD_LETTER)
		return &dead_letter;
	return fby_is_stage(role) ?
	    &m->functions[fby_stage_function(role)].retry :
	    &m->retry;
}

enum fby_retry
fby_retry_judge(const struct fby_manifest *m, unsigned role, uint32_t tries,
    bool permanent)
{
	const struct fby_retry_strategy *rs = strategy_of(m, role);
	bool spent = rs->steps > 0 && tries > rs->steps;
	bool drops = rs->on_failure == FBY_ON_FAILURE_DROP;

	if (role == FBY_SINK_DEAD_LETTER)
		return FBY_RETRY_AGAIN;
	if (spent && drops && (role == FBY_SINK_PRIMARY || fby_is_stage(role)))
		return FBY_RETRY_DROP;
	if (spent && drops && role == FBY_SINK_SUCCESS)
		return FBY_RETRY_DELIVERED;
	if ((spent || permanent) && role == FBY_SINK_PRIMARY &&
	    rs->on_failure == FBY_ON_FAILURE_FALLBACK)
		return FBY_RETRY_FALLBACK;
	return last_resort(m, spent || permanent);
}

int64_t
fby_retry_delay(const struct fby_manifest *m, unsigned role, uint32_t tries,
    bool permanent, double random)
{
	const struct fby_retry_strategy *rs = strategy_of(m, role);
	int64_t quick = rs->steps > 0 ? rs->steps : QUICK_RETRIES;
	int64_t n = FBY_MIN((int64_t)tries, quick);
	bool slowly = tries > quick || (permanent && rs->steps == 0);
	double ms;

	ms = (double)rs->interval_ms * pow(rs->factor, (double)(n - 1));
	ms *= 1 + rs->jitter * (2 * random - 1);
	if (slowly)
		ms = fmax(ms, SLOW_MS);
	/* The cap comes last; it also takes care of infinity. */
	ms = fmin(ms, (double)rs->cap_ms);
	return (int64_t)ms;
}

static bool
is_spent(const struct fby_nack *nack, uint32_t tries)
{
	return nack->max_deliveries > 0 && tries >= nack->max_deliveries;
}

enum fby_retry
fby_retry_judge_nack(const struct fby_manifest *m, uint32_t tries,
    const struct fby_nack *nack)
{
	return last_resort(m, is_spent(nack, tries));
}

int64_t
fby_retry_delay_nack(const struct fby_manifest *m, unsigned role,
    uint32_t tries, const struct fby_nack *nack, double random)
{
	if (nack->delay_ms > 0)
		return nack->delay_ms;
	return fby_retry_delay(m, role, tries, is_spent(nack, tries), random);
}
