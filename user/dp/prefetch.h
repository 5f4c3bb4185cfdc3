/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory asked for before it is needed.
 *
 * Always inline: to gcc a function that does nothing but prefetch has no effect, and it leaves calls of one out.
 */
#ifndef XSWAN_DP_PREFETCH_H
#define XSWAN_DP_PREFETCH_H

#include <stddef.h>

#define CACHE_LINE 64
#define prefetch_inline static inline __attribute__((always_inline))

prefetch_inline void prefetch_lines(const void *p, size_t lines)
{
	for (size_t i = 0; i < lines; i++)
		__builtin_prefetch((const char *)p + i * CACHE_LINE);
}

/*
 * The same, but only as far as the second-level cache. A core waits for two or three times as many lines there as in the
 * first level, and what is needed in some microseconds only would be pushed out of the first level again.
 */
prefetch_inline void prefetch_far(const void *p, size_t lines)
{
	for (size_t i = 0; i < lines; i++)
		__builtin_prefetch((const char *)p + i * CACHE_LINE, 0, 2);
}

prefetch_inline void prefetch_to_write(const void *p)
{
	__builtin_prefetch(p, 1);
}

#endif
