/* SPDX-License-Identifier: Apache-2.0 */
#include "addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

int addr_parse(struct addr *addr, const char *text)
{
	struct addr a = { 0 };

	if (!strcmp(text, "%any"))
		a.family = 0;
	else if (inet_pton(AF_INET, text, a.ip) == 1)
		a.family = 4;
	else if (inet_pton(AF_INET6, text, a.ip) == 1)
		a.family = 6;
	else
		return -EINVAL;
	*addr = a;
	return 0;
}

const char *addr_format(const struct addr *addr, char out[static ADDR_TEXT])
{
	switch (addr->family) {
	case 4:
		return inet_ntop(AF_INET, addr->ip, out, ADDR_TEXT);
	case 6:
		return inet_ntop(AF_INET6, addr->ip, out, ADDR_TEXT);
	default:
		snprintf(out, ADDR_TEXT, "%%any");
		return out;
	}
}

const char *endpoint_format(const struct endpoint *ep, char out[static ENDPOINT_TEXT])
{
	char text[ADDR_TEXT];

	snprintf(out, ENDPOINT_TEXT, "%s[%u]", addr_format(&ep->addr, text), ep->port);
	return out;
}

size_t addr_len(const struct addr *addr)
{
	return addr->family == 4 ? 4 : addr->family == 6 ? 16 : 0;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && !memcmp(a->ip, b->ip, addr_len(a));
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

socklen_t endpoint_to_sockaddr(const struct endpoint *ep, struct sockaddr_storage *sa)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons(ep->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(ep->port) };

	memset(sa, 0, sizeof(*sa));
	switch (ep->addr.family) {
	case 4:
		memcpy(&in4.sin_addr, ep->addr.ip, 4);
		memcpy(sa, &in4, sizeof(in4));
		return sizeof(in4);
	case 6:
		memcpy(&in6.sin6_addr, ep->addr.ip, 16);
		memcpy(sa, &in6, sizeof(in6));
		return sizeof(in6);
	default:
		return 0;
	}
}

int endpoint_from_sockaddr(struct endpoint *ep, const struct sockaddr_storage *sa)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

	memset(ep, 0, sizeof(*ep));
	if (sa->ss_family == AF_INET) {
		ep->addr.family = 4;
		memcpy(ep->addr.ip, &in4->sin_addr, 4);
		ep->port = ntohs(in4->sin_port);
	} else if (sa->ss_family == AF_INET6) {
		/* a dual-stack socket names IPv4 peers as ::ffff:a.b.c.d: there is one name for one address here */
		bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

		ep->addr.family = mapped ? 4 : 6;
		memcpy(ep->addr.ip, in6->sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
		ep->port = ntohs(in6->sin6_port);
	} else {
		return -EAFNOSUPPORT;
	}
	return 0;
}
