/* SPDX-License-Identifier: Apache-2.0 */
#include "reason.h"

#define X(id, word, text) [IKE_REASON_##id] = word,
static const char *const reasons[] = { IKE_REASONS(X) };
#undef X
#define X(id, word, text) [IKE_LOG_##id] = word,
static const char *const events[] = { IKE_LOG_EVENTS(X) };
#undef X

const char *ike_reason_word(enum ike_reason reason)
{
	return reasons[reason];
}

const char *ike_log_event_word(enum ike_log_event event)
{
	return events[event];
}
