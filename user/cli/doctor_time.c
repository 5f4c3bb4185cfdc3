/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: the clock, and what is valid by it. */
#include "doctor.h"

#include <stdlib.h>
#include <sys/timex.h>
#include <time.h>

#define DAY 86400
#define DAYS_WARN 30
#define CLOCK_SANE 1767225600 /* 2026-01-01: xswan is younger than that */

/* Whatever keeps the clock, the kernel is told by it. A guest may have its clock from the hypervisor, which does not.
 */
void doctor_clock(struct doctor *d)
{
	struct timex state = { .modes = 0 };
	const time_t now = time(NULL);
	char date[32] = "";
	struct tm tm;

	if (gmtime_r(&now, &tm))
		strftime(date, sizeof(date), "%FT%TZ", &tm);
	if (now < CLOCK_SANE) {
		doctor_say(d, DOCTOR_FAIL, "", "it is not %s: certificates will not be valid yet", date);
		doctor_remedy(d, "timedatectl set-ntp true");
	} else if (adjtimex(&state) < 0 || state.status & STA_UNSYNC) {
		doctor_say(d, DOCTOR_WARN, "", "%s, and nothing synchronises it", date);
		doctor_remedy(d, "timedatectl set-ntp true");
	} else {
		doctor_say(d, DOCTOR_OK, "", "%s, synchronised, estimated error %ld µs", date, state.esterror);
	}
}

/* Whole days. */
static long days(int64_t seconds)
{
	return (long)(seconds / DAY);
}

static void look_at_cert(struct doctor *d, const struct listed_cert *cert, int64_t now)
{
	const char *name = cert->type == LISTED_CRL ? cert->issuer : cert->subject;
	const char *file = cert->file[0] ? cert->file : "what was loaded over vici";
	const char *what = cert->type == LISTED_CRL  ? "revocation list"
			   : cert->type == LISTED_CA ? "CA certificate"
						     : "certificate";
	const int64_t left = cert->not_after == LISTED_NEVER ? 0 : cert->not_after - now;

	if (cert->type != LISTED_CRL && cert->not_before != LISTED_NEVER && cert->not_before > now) {
		doctor_say(d, DOCTOR_FAIL, name, "%s, valid only in %ld days: is the clock right? (%.300s)", what,
			   days(cert->not_before - now) + 1, file);
		doctor_remedy(d, "timedatectl set-ntp true");
		return;
	}
	if (cert->not_after == LISTED_NEVER) {
		doctor_say(d, DOCTOR_OK, name, "%s, without an end", what);
		return;
	}
	if (left >= (cert->type == LISTED_CRL ? 0 : DAYS_WARN * DAY)) {
		doctor_say(d, DOCTOR_OK, name, "%s, %ld days left", what, days(left));
		return;
	}
	doctor_say(d, left < 0 && cert->type != LISTED_CRL ? DOCTOR_FAIL : DOCTOR_WARN, name,
		   left < 0 ? "%s, over since %ld days (%.300s)" : "%s, %ld days left (%.300s)", what, labs(days(left)),
		   file);
	doctor_remedy(d, "xswan -i %s apply # once a new one is in %.200s", d->cli->instance, file);
}

void doctor_certificates(struct doctor *d)
{
	if (d->ike_error) {
		doctor_needs_ike(d);
		return;
	}
	for (size_t i = 0; i < d->cert_count; i++)
		look_at_cert(d, &d->certs[i], time(NULL));
	if (!d->cert_count)
		doctor_say(d, DOCTOR_OK, "", "none: peers have shared keys");
}
