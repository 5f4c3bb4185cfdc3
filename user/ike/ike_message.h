/* SPDX-License-Identifier: Apache-2.0 */
/* An IKE message as a whole: header (RFC 7296 section 3.1) and SK payload (section 3.14). */
#ifndef XSWAN_IKE_MESSAGE_H
#define XSWAN_IKE_MESSAGE_H

#include "bytes.h"
#include "keymat.h"
#include "payload.h"

#define IKE_HEADER 28
#define IKE_VERSION 0x20
#define MESSAGE_MAX 16384 /* the largest that we write, and the largest content of an SK payload: eight certificates fit */

enum exchange_type { IKE_SA_INIT = 34, IKE_AUTH = 35, CREATE_CHILD_SA = 36, INFORMATIONAL = 37 };
enum ike_flag { IKE_FLAG_INITIATOR = 0x08, IKE_FLAG_RESPONSE = 0x20 };

struct ike_header {
	uint64_t spi_i, spi_r;
	uint8_t next, version, exchange, flags;
	uint32_t id, length;
};

void ike_header_read(struct ike_header *h, struct span datagram); /* the caller has checked for IKE_HEADER bytes */
static inline bool ike_is_response(const struct ike_header *h)
{
	return h->flags & IKE_FLAG_RESPONSE;
}

struct message {
	struct writer w;
	struct chain chain;
	size_t sk; /* where the SK payload starts; 0: in the clear */
	uint8_t buf[MESSAGE_MAX];
};

void ike_header_write(struct writer *w, const struct ike_header *h);

void message_begin(struct message *m, const struct ike_header *h); /* next, version and length are filled in */
void message_begin_sk(struct message *m); /* what follows goes inside; message_seal (fragment.h) makes it so */
int message_finish(struct message *m) __attribute__((warn_unused_result)); /* in the clear: 0 or -EMSGSIZE */

/*
 * Opens the SK payload that `outer` found into `plain` (as large as the datagram). -EBADMSG: it does
 * not authenticate, and nothing of it may be believed; *text is then empty.
 */
int message_open(const struct ike_keys *keys, bool from_initiator, struct span datagram, const struct payloads *outer,
		 uint8_t *plain, struct span *text) __attribute__((warn_unused_result));

#endif
