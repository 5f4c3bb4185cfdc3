/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <string.h>

static bool is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/*
 * Length of the UTF-8 sequence at p, 0 when it is none. Overlong forms, surrogates and what lies
 * beyond U+10FFFF are none. Reads no further than the terminating NUL, which continues nothing.
 */
static size_t utf8_len(const unsigned char *p)
{
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || !is_continuation(p[1]))
		return 0;
	if (p[0] < 0xe0)
		return 2;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || !is_continuation(p[2]))
		return 0;
	if (p[0] < 0xf0)
		return 3;
	if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f) || !is_continuation(p[3]))
		return 0;
	return 4;
}

/* C0, DEL and C1 (U+0080 to U+009F): they drive terminals. */
static bool is_control(const unsigned char *p, size_t len)
{
	return (len == 1 && (p[0] < 0x20 || p[0] == 0x7f)) || (len == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

char *text_clean(char *text, enum text_lines lines)
{
	const unsigned char *from = (const unsigned char *)text;
	char *to = text;
	size_t len;

	for (; *from; from += len ? len : 1) {
		len = utf8_len(from);
		if (*from == '\n') {
			*to++ = lines == TEXT_LINES ? '\n' : ' ';
		} else if (!len || is_control(from, len)) {
			*to++ = '?';
		} else {
			memmove(to, from, len);
			to += len;
		}
	}
	*to = '\0';
	return text;
}
