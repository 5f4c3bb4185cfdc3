/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing pcapng (draft-ietf-opsawg-pcapng), as far as a capture of IP packets needs it: one section, an interface for each
 * tunnel, packets with nanoseconds and direction, statistics. libpcap writes only the older format, which has neither
 * interfaces nor directions, and no library in Debian writes this one.
 *
 * Errors are those of the stream: ask fflush or ferror.
 */
#ifndef XSWAN_CLI_PCAPNG_H
#define XSWAN_CLI_PCAPNG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct pcapng_packet {
	uint32_t interface;
	uint64_t time; /* nanoseconds since 1970 */
	bool outbound;
	const char *comment;
	const void *data; /* begins with the IP header */
	uint32_t caplen, len; /* bytes in data; of the packet */
};

struct pcapng_statistics {
	uint64_t begin, end; /* nanoseconds since 1970 */
	uint64_t received, dropped; /* packets; received counts dropped ones, too */
};

void pcapng_begin(FILE *out, const char *application);
/* Interfaces are numbered 0, 1, … as they are written; each before its packets. snaplen 0: packets are whole. */
void pcapng_add_interface(FILE *out, const char *name, const char *description, uint32_t snaplen);
void pcapng_add_packet(FILE *out, const struct pcapng_packet *p);
void pcapng_add_statistics(FILE *out, uint32_t interface, const struct pcapng_statistics *s);

#endif
