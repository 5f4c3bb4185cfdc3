/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of the Prometheus text format. */
#ifndef XSWAN_EXPORTER_TEXT_H
#define XSWAN_EXPORTER_TEXT_H

#include <stdio.h>

void text_family(FILE *out, const char *name, const char *type, const char *help);
/* name="value", escaped as the format asks for */
void text_label(FILE *out, const char *name, const char *value);

#endif
