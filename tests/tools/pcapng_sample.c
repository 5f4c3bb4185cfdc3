/* SPDX-License-Identifier: Apache-2.0 */
/* A file of user/cli/pcapng.h with one of everything, for others' readers to judge: pcapng_sample >FILE */
#include "../../user/cli/pcapng.h"

/* ICMP echo request, 10.1.0.2 to 10.2.0.2, with 13 bytes: an odd length. */
static const uint8_t ping[] = { 0x45, 0,   0,   0x29, 0,   1,   0,   0,   64,   1,    0x66, 0xcd, 10, 1,
				0,    2,   10,  2,    0,   2,   8,   0,   0x24, 0x8b, 0,    7,    0,  1,
				'a',  'b', 'c', 'd',  'e', 'f', 'g', 'h', 'i',  'j',  'k',  'l',  'm' };
/* IPv6, no next header, ::1 to ::2. */
static const uint8_t empty6[40] = { 0x60, 0, 0, 0, 0, 0, 59, 64, [23] = 1, [39] = 2 };

int main(void)
{
	const uint64_t second = 1700000000ull * 1000000000ull;
	const struct pcapng_statistics figures[] = { { second, second + 5, 3, 1 },
						     { second, second + 5, 0x100000001ull, 0x100000000ull } };
	struct pcapng_packet p = { .interface = 0,
				   .time = second + 1,
				   .outbound = true,
				   .comment = "spi 0xc0000001 seq 1",
				   .data = ping,
				   .caplen = sizeof(ping),
				   .len = sizeof(ping) };

	pcapng_begin(stdout, "xswan test");
	pcapng_add_interface(stdout, "site/net", "inside of tunnel site/net", 0);
	pcapng_add_packet(stdout, &p);
	/* one more, in the midst of the file */
	pcapng_add_interface(stdout, "site/more", NULL, 0);
	p = (struct pcapng_packet){
		.interface = 1, .time = second + 999999999, .data = empty6, .caplen = 40, .len = 40
	};
	pcapng_add_packet(stdout, &p);
	p = (struct pcapng_packet){ .interface = 0,
				    .time = second + 1000000000,
				    .comment = "",
				    .data = ping,
				    .caplen = 21,
				    .len = sizeof(ping) };
	pcapng_add_packet(stdout, &p);
	pcapng_add_statistics(stdout, 0, &figures[0]);
	pcapng_add_statistics(stdout, 1, &figures[1]);
	return fflush(stdout) || ferror(stdout);
}
