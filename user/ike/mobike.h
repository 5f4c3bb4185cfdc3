/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MOBIKE (RFC 4555): an IKE SA and its Child SAs go on when an address changes. Both ends say in IKE_AUTH that they
 * know it and which addresses they have. From then on the initiator alone decides over the path; the responder tells
 * when its addresses change, and whether it takes the path (section 3.5).
 *
 * The path of the IKE SA is sa->local and sa->remote. That of the Child SAs is the same but for moments: packets for
 * an address that the peer has not been seen to receive at wait for the return routability check (section 3.7), and ESP
 * may follow a NAT of which IKE has not heard yet (section 3.8).
 *
 *   mobike.c       what is said and understood
 *   mobike_path.c  which addresses: choosing, trying, leaving one that is gone
 */
#ifndef XSWAN_IKE_MOBIKE_H
#define XSWAN_IKE_MOBIKE_H

#include "ike_sa.h"

#define MOBIKE_ADDRS 8 /* of the peer's additional addresses, the first ones */
#define MOBIKE_COOKIE 16 /* RFC 4555 section 4.2.5: 8 to 64 bytes */

enum mobike_part {
	MOBIKE_UPDATE = 1 << 0, /* UPDATE_SA_ADDRESSES: the initiator's */
	MOBIKE_LIST = 1 << 1, /* our additional addresses */
	MOBIKE_CHECK = 1 << 2, /* does the peer receive where it says that it is? */
};

struct mobike {
	bool initiator; /* of the first of a series of IKE SAs, each of which replaced the one before (section 1.3) */
	uint8_t wanted, asked; /* enum mobike_part: of the next request, and of the one under way */
	uint8_t cookie[MOBIKE_COOKIE]; /* of the request under way */
	uint8_t refusals; /* of paths, in a row */
	bool seen_known;
	uint8_t seen_as[20]; /* behind a NAT: hash of our address, as the peer saw it last */
	struct addr verified; /* of the peer: where it receives */
	struct endpoint esp_local, esp_remote; /* where outbound ESP goes */
	bool esp_encap;
	uint64_t retry_at; /* our address is gone, and no other leads to the peer: when to look again; 0: not so */
	int peer_count;
	struct addr peers[MOBIKE_ADDRS]; /* additional ones */
};

/* IKE_AUTH: ours; and what the peer says, with our answer in `reply`, which an initiator has none of. */
void mobike_offer(struct ike_sa *sa, struct message *m);
void mobike_agree(struct ike_sa *sa, const struct payloads *in, struct message *reply);
/* True: the peer forbids NATs, there is one, and the refusal has been written (section 3.9). */
bool mobike_refuse_nat(struct ike_sa *sa, const struct payloads *in, struct message *reply);
/* IKE_SA_INIT has been answered: is IKE to go on on port 4500, NAT or not? (section 3.3) */
bool mobike_wants_port(const struct ike_sa *sa);
/*
 * For an IKE SA that replaces `from`: when it begins, and, before it has its path, when it takes over: `from` may have
 * moved meanwhile.
 */
int mobike_inherit(struct ike_sa *to, const struct ike_sa *from) __attribute__((warn_unused_result));
void mobike_take_over(struct ike_sa *to, const struct ike_sa *from);

/* The peer's INFORMATIONAL request has notifies: does what those about addresses say. */
void mobike_request(struct ike_sa *sa, const struct payloads *in, struct message *reply);
/* Of an initiator behind a NAT: a liveness check tells, too, whether the NAT has changed its mind (section 3.8). */
void mobike_write_liveness(struct ike_sa *sa, struct message *m);
void mobike_read_liveness(struct ike_sa *sa, const struct payloads *in);
/* Another request about addresses. */
void mobike_want(struct ike_sa *sa, unsigned int parts);

/* ---- mobike_path.c ---- */

/* The addresses of this host have changed; what they were. */
void mobike_addresses_changed(struct ike_sa *sa, const struct addr_list *was);
/* Routes may come after addresses, and nobody tells: while there is no way to the peer, it is looked for. */
uint64_t mobike_deadline(const struct ike_sa *sa);
void mobike_run(struct ike_sa *sa);
/* Our addresses that the peer may hear of, but for the one in use; at most `max`. */
int mobike_additional(const struct ike_sa *sa, struct addr *list, int max);
bool mobike_may_use(const struct ike_sa *sa, const struct addr *local); /* says the configuration */
void mobike_set_path(struct ike_sa *sa, const struct endpoint *local, const struct endpoint *remote); /* as initiator */
void mobike_move_children(struct ike_sa *sa, unsigned int directions); /* to the path of the IKE SA */
/* Made on the path of outbound ESP, while a check of the IKE SA's new one is under way: what comes in comes by that. */
void mobike_child_installed(struct ike_sa *sa, struct child *child);
/* The responder has told its addresses anew, or refused the path. */
void mobike_peer_addresses_changed(struct ike_sa *sa);
void mobike_refused(struct ike_sa *sa);
/* The request under way is not answered: sends it over other paths, too (section 3.10). */
void mobike_probe(struct ike_sa *sa);
/* An answer has come: if over such a path, that is the one to be taken. */
void mobike_answered(struct ike_sa *sa);
/* ESP of the peer's has come from there, says the dataplane; `child` is not known to be elsewhere. */
void mobike_follow_esp(struct ike_sa *sa, struct child *child, const struct endpoint *from, const struct endpoint *to);

#endif
