/* SPDX-License-Identifier: Apache-2.0 */
/* One event of `xswan trace`, for people and as JSON. */
#ifndef XSWAN_CLI_TRACE_H
#define XSWAN_CLI_TRACE_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include <xswan/trace.h>

/* What the event's numbers are called; "" or NULL: not known. */
struct trace_names {
	const char *device, *out_device, *tunnel;
	double time; /* seconds since 1970 */
};

void trace_print(const struct xswan_trace_event *event, const struct trace_names *names, FILE *out, bool colour);
json_t *trace_json(const struct xswan_trace_event *event, const struct trace_names *names); /* as described in xswan(8) */

#endif
