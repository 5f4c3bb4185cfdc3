/* SPDX-License-Identifier: Apache-2.0 */
/* Colour for people, on terminals: what is well, what is not, and what is between. */
#ifndef XSWAN_PAINT_H
#define XSWAN_PAINT_H

#include <stdbool.h>
#include <stdio.h>

enum paint { PAINT_PLAIN, PAINT_GOOD, PAINT_BUSY, PAINT_BAD };

#define PAINT_WORDS "auto, always or never"

/*
 * when: auto, always, never. auto: on a terminal, unless the environment has NO_COLOR (https://no-color.org: set, and not
 * empty) or TERM=dumb. 0, or -EINVAL: no such word.
 */
int paint_decide(const char *when, bool terminal, bool *colour);
void paint_printf(FILE *out, bool colour, enum paint paint, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
