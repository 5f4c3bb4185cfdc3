/* SPDX-License-Identifier: Apache-2.0 */
#include "format.h"

#include <inttypes.h>
#include <stdio.h>

const char *format_duration(uint64_t seconds, char out[static DURATION_TEXT])
{
	uint64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;

	if (days)
		snprintf(out, DURATION_TEXT, "%" PRIu64 "d %uh", days, (unsigned int)(hours % 24));
	else if (hours)
		snprintf(out, DURATION_TEXT, "%uh %um", (unsigned int)hours, (unsigned int)(minutes % 60));
	else if (minutes)
		snprintf(out, DURATION_TEXT, "%um %us", (unsigned int)minutes, (unsigned int)(seconds % 60));
	else
		snprintf(out, DURATION_TEXT, "%us", (unsigned int)seconds);
	return out;
}

const char *format_bytes(uint64_t bytes, char out[static BYTES_TEXT])
{
	static const char unit[] = "kMGTPE";
	uint64_t scale = 1000;
	int i = 0;

	if (bytes < 1000) {
		snprintf(out, BYTES_TEXT, "%u B", (unsigned int)bytes);
		return out;
	}
	for (; unit[i + 1] && bytes / scale >= 1000; i++)
		scale *= 1000;
	/* rounded down: 999999 is 999.9 kB, never 1000.0 kB */
	snprintf(out, BYTES_TEXT, "%u.%u %cB", (unsigned int)(bytes / scale),
		 (unsigned int)(bytes % scale / (scale / 10)), unit[i]);
	return out;
}
