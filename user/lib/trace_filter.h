/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The language of `xswan trace`, after pcap-filter(7):
 *
 *   expression = term { "or" term }
 *   term       = factor { "and" factor }
 *   factor     = "not" factor | "(" expression ")" | primitive
 *   primitive  = [ "src" | "dst" ] ( "host" ADDRESS | "net" ADDRESS/LENGTH | "port" NUMBER )
 *              | "proto" ( NUMBER | NAME ) | NAME | "ip" | "ip6" | "spi" NUMBER | "drop" [ REASON ]
 *   NAME       = "icmp" | "icmp6" | "tcp" | "udp" | "esp" | "sctp"
 *
 * An SPI may be hexadecimal without 0x, as everywhere else in xswan, if it has eight digits.
 */
#ifndef XSWAN_TRACE_FILTER_H
#define XSWAN_TRACE_FILTER_H

#include <stddef.h>

#include <xswan/trace.h>

/*
 * Compiles; an empty text matches everything. 0, or -EINVAL with a sentence in why and the place of the mistake, in
 * bytes from the start, in *at.
 */
int trace_filter_compile(struct xswan_trace_op ops[static XSWAN_TRACE_OPS], const char *text, size_t *at, char *why,
			 size_t why_size) __attribute__((warn_unused_result));

#endif
