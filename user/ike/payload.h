/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payloads of IKEv2 (RFC 7296 section 3.2): one list, one table made from it, and one
 * pass over a chain that checks every length and yields spans into the datagram.
 */
#ifndef XSWAN_IKE_PAYLOAD_H
#define XSWAN_IKE_PAYLOAD_H

#include "bytes.h"

#define PAYLOAD_HEADER 4
#define PAYLOAD_CRITICAL 0x80

/*
 *   X(name, type on the wire, text, least length of the body, most in one message, check of the body)
 *
 * The most is a bound on what a message may make us do; the RFC allows one of each where it is 1.
 */
#define PAYLOADS(X)                                  \
	X(SA, 33, "SA", 8, 1, check_sa)              \
	X(KE, 34, "KE", 5, 1, NULL)                  \
	X(IDI, 35, "IDi", 4, 1, NULL)                \
	X(IDR, 36, "IDr", 4, 1, NULL)                \
	X(CERT, 37, "CERT", 1, CERT_MAX, NULL)       \
	X(CERTREQ, 38, "CERTREQ", 1, CERT_MAX, NULL) \
	X(AUTH, 39, "AUTH", 4, 1, NULL)              \
	X(NONCE, 40, "NONCE", 16, 1, check_nonce)    \
	X(NOTIFY, 41, "N", 4, 64, check_notify)      \
	X(DELETE, 42, "D", 4, 8, check_delete)       \
	X(VENDOR, 43, "V", 0, 64, NULL)              \
	X(TSI, 44, "TSi", 4, 1, check_ts)            \
	X(TSR, 45, "TSr", 4, 1, check_ts)            \
	X(SK, 46, "SK", 25, 1, NULL)                 \
	X(CP, 47, "CP", 4, 1, NULL)                  \
	X(EAP, 48, "EAP", 4, 1, NULL)                \
	X(SKF, 53, "SKF", 29, 1, NULL)

enum payload_index {
#define X(id, type, text, min, most, check) PAYLOAD_##id,
	PAYLOADS(X)
#undef X
		PAYLOAD_COUNT
};

enum payload_type {
	PAYLOAD_TYPE_NONE = 0,
#define X(id, type, text, min, most, check) PAYLOAD_TYPE_##id = (type),
	PAYLOADS(X)
#undef X
};

/* Sets of payloads, for the exchange table: PAYLOAD_BIT(SA) | PAYLOAD_BIT(KE) */
#define PAYLOAD_BIT(id) (1u << PAYLOAD_##id)

/* RFC 7296 section 3.10.1; below 16384 are errors */
#define NOTIFIES(X)                             \
	X(UNSUPPORTED_CRITICAL_PAYLOAD, 1)      \
	X(INVALID_IKE_SPI, 4)                   \
	X(INVALID_MAJOR_VERSION, 5)             \
	X(INVALID_SYNTAX, 7)                    \
	X(INVALID_MESSAGE_ID, 9)                \
	X(INVALID_SPI, 11)                      \
	X(NO_PROPOSAL_CHOSEN, 14)               \
	X(INVALID_KE_PAYLOAD, 17)               \
	X(AUTHENTICATION_FAILED, 24)            \
	X(SINGLE_PAIR_REQUIRED, 34)             \
	X(NO_ADDITIONAL_SAS, 35)                \
	X(INTERNAL_ADDRESS_FAILURE, 36)         \
	X(FAILED_CP_REQUIRED, 37)               \
	X(TS_UNACCEPTABLE, 38)                  \
	X(INVALID_SELECTORS, 39)                \
	X(UNACCEPTABLE_ADDRESSES, 40)           \
	X(UNEXPECTED_NAT_DETECTED, 41)          \
	X(TEMPORARY_FAILURE, 43)                \
	X(CHILD_SA_NOT_FOUND, 44)               \
	X(INITIAL_CONTACT, 16384)               \
	X(NAT_DETECTION_SOURCE_IP, 16388)       \
	X(NAT_DETECTION_DESTINATION_IP, 16389)  \
	X(COOKIE, 16390)                        \
	X(USE_TRANSPORT_MODE, 16391)            \
	X(REKEY_SA, 16393)                      \
	X(ESP_TFC_PADDING_NOT_SUPPORTED, 16394) \
	X(MOBIKE_SUPPORTED, 16396)              \
	X(ADDITIONAL_IP4_ADDRESS, 16397)        \
	X(ADDITIONAL_IP6_ADDRESS, 16398)        \
	X(NO_ADDITIONAL_ADDRESSES, 16399)       \
	X(UPDATE_SA_ADDRESSES, 16400)           \
	X(COOKIE2, 16401)                       \
	X(NO_NATS_ALLOWED, 16402)               \
	X(CHILDLESS_IKEV2_SUPPORTED, 16418)     \
	X(IKEV2_FRAGMENTATION_SUPPORTED, 16430) \
	X(SIGNATURE_HASH_ALGORITHMS, 16431)

enum notify_type {
#define X(id, type) NOTIFY_##id = (type),
	NOTIFIES(X)
#undef X
		NOTIFY_FIRST_STATUS = 16384,
};

enum protocol { PROTOCOL_NONE = 0, PROTOCOL_IKE = 1, PROTOCOL_AH = 2, PROTOCOL_ESP = 3 };

#define NOTIFY_MAX 64
#define DELETE_MAX 8
#define CERT_MAX 16 /* of CERT, and of CERTREQ */

struct notify {
	uint8_t protocol;
	uint16_t type;
	struct span spi, data;
};

struct payload_entry {
	uint8_t type;
	const char *name;
	uint16_t min_len; /* of the body, without the generic header */
	uint8_t max_count;
	bool (*check)(struct span body); /* its inner lengths agree with its length */
};
extern const struct payload_entry payload_table[PAYLOAD_COUNT];

/* One chain of payloads, taken apart. Spans point into the datagram. */
struct payloads {
	uint32_t seen; /* PAYLOAD_BIT of each that is there */
	struct span body[PAYLOAD_COUNT]; /* the first of each */
	struct notify notify[NOTIFY_MAX];
	int notify_count;
	struct span deletes[DELETE_MAX];
	int delete_count;
	struct span certs[CERT_MAX], certreqs[CERT_MAX];
	int cert_count, certreq_count;
	uint8_t sk_first; /* type of the first payload inside SK or SKF */
	uint8_t critical; /* -EPROTO: the unknown payload's type */
	const char *error; /* -EBADMSG: what was wrong */
	const char *error_payload; /* and in which payload */
};

/*
 * Takes apart the chain that starts with a payload of type `first`. 0; -EBADMSG: it does not
 * parse; -EPROTO: an unknown payload has the critical bit. Unknown ones without it are skipped.
 */
int payloads_parse(struct payloads *p, uint8_t first, struct span chain) __attribute__((warn_unused_result));

const struct notify *payloads_notify(const struct payloads *p, uint16_t type); /* NULL: not there */
const struct notify *payloads_error(const struct payloads *p); /* the first that is an error, or NULL */

const char *notify_name(uint16_t type, char *buf, size_t size);
/* "SA, KE" from a set */
const char *payload_set_format(uint32_t set, char *buf, size_t size);

/* Writing a chain: begin patches the previous payload's "next payload" field. */
struct chain {
	struct writer *w;
	size_t next_at; /* where the type of the next payload goes */
	size_t start; /* of the payload being written */
};

void chain_init(struct chain *c, struct writer *w, size_t next_at);
void chain_begin(struct chain *c, uint8_t type);
void chain_end(struct chain *c);
void chain_notify(struct chain *c, uint8_t protocol, uint16_t type, const void *data, size_t len);
void chain_notify_spi(struct chain *c, uint16_t type, uint32_t spi, struct span data); /* about a Child SA */

#endif
