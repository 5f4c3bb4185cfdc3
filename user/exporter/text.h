/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of the Prometheus text format. */
#ifndef XSWAN_EXPORTER_TEXT_H
#define XSWAN_EXPORTER_TEXT_H

#include <stddef.h>
#include <stdio.h>

void text_family(FILE *out, const char *name, const char *type, const char *help);
/* name="value", escaped as the format asks for */
void text_label(FILE *out, const char *name, const char *value);
/* The same of several, names and values in turn until NULL, with commas between; to be freed. NULL: no memory. */
char *text_labels(const char *const *pairs);

/*
 * The same as OpenMetrics 1.0: a family of counters is called without the "_total" of its samples, and the end is marked,
 * so that what was cut off is seen to be.
 */
void text_as_openmetrics(FILE *out, const char *text);

#endif
