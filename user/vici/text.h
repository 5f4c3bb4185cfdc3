/* SPDX-License-Identifier: Apache-2.0 */
/* Text that others chose (a peer's identity, a message about it), made safe to print. */
#ifndef XSWAN_VICI_TEXT_H
#define XSWAN_VICI_TEXT_H

#include <stdbool.h>

enum text_lines { TEXT_ONE_LINE, TEXT_LINES }; /* newlines become spaces, or stay */

/* In place: what is not UTF-8, or is a control character, becomes '?'. Never grows. Returns text. */
char *text_clean(char *text, enum text_lines lines);

#endif
