/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal text to bytes, for vectors kept as text. */
#ifndef XSWAN_TESTS_HEX_H
#define XSWAN_TESTS_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

/* Returns the number of bytes, or -1 for what is not lower-case hexadecimal or does not fit. */
static inline long hex_read(uint8_t *out, size_t size, const char *text)
{
	size_t n = strlen(text) / 2;

	if (strlen(text) % 2 || n > size)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -1;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return (long)n;
}

#endif
