/* SPDX-License-Identifier: Apache-2.0 */
/* A time in the past as people write it. */
#ifndef XSWAN_CLI_SINCE_H
#define XSWAN_CLI_SINCE_H

#include <stdint.h>
#include <time.h>

#define SINCE_FORMS "90s, 10m, 2h, 3d (ago), 14:30, 2026-11-27 or \"2026-11-27 14:30:59\"; with Z behind it in UTC"

/* Seconds since 1970, by the local clock if nothing else is said; 0 or -EINVAL. A time of day is the last that was. */
int since_parse(const char *text, time_t now, time_t *out);

#endif
