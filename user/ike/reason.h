/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why an SA ended or never came to be, and what a line of the log is about: words that programs may
 * rely upon. They are in logs, and choose what happens after a loss (wanted.h).
 */
#ifndef XSWAN_IKE_REASON_H
#define XSWAN_IKE_REASON_H

/* id, word, what it means */
#define IKE_REASONS(X) \
	X(NONE, "", "") \
	X(TERMINATED, "terminated", "ended by command or by a change of the configuration") \
	X(PEER_DELETED, "peer_deleted", "the peer sent a DELETE") \
	X(PEER_DEAD, "peer_dead", "the peer does not answer any more") \
	X(PEER_RESTARTED, "peer_restarted", "the peer has started anew: INITIAL_CONTACT") \
	X(REPLACED, "replaced", "a newer SA has taken its place") \
	X(EXPIRED, "expired", "its life is over") \
	X(NO_ANSWER, "no_answer", "the peer did not answer an initiation") \
	X(NO_CONNECTION, "no_connection", "no connection is configured for these addresses or identities") \
	X(NO_PROPOSAL, "no_proposal", "no proposal in common") \
	X(NO_SELECTORS, "no_selectors", "traffic selectors do not overlap") \
	X(NO_SECRET, "no_secret", "no secret for these identities") \
	X(IDENTITY, "identity", "the peer has another identity than configured") \
	X(AUTHENTICATION, "authentication", "the peer does not authenticate") \
	X(AUTH_METHOD, "auth_method", "the peer authenticates by another method than configured") \
	X(PEER_REFUSED, "peer_refused", "the peer answered with an error") \
	X(MALFORMED, "malformed", "the peer sent what is against the protocol") \
	X(UNIQUE, "unique", "the peer has an SA already, and unique = keep") \
	X(NO_ADDRESS, "no_address", "a name has no address, or there is no way there") \
	X(DATAPLANE, "dataplane", "the dataplane does not have it, or would not take it") \
	X(RESOURCES, "resources", "no memory, no SPI or no randomness") \
	X(SIGNATURE, "signature", "the peer's signature is not that of its certificate") \
	X(NO_SIGNATURE, "no_signature", "no certificate of ours makes a signature that the peer knows") \
	X(CERT_MISSING, "cert_missing", "no certificate for the peer's identity") \
	X(CERT_UNTRUSTED, "cert_untrusted", "no trusted CA has issued the peer's certificate") \
	X(CERT_EXPIRED, "cert_expired", "the peer's certificate, or one above it, is not valid now") \
	X(CERT_REVOKED, "cert_revoked", "the peer's certificate is revoked, or may be") \
	X(CERT_UNSUITABLE, "cert_unsuitable", "the peer's certificate is weak, or for something else")

enum ike_reason {
#define X(id, word, text) IKE_REASON_##id,
	IKE_REASONS(X)
#undef X
	IKE_REASON_COUNT
};

#define IKE_LOG_EVENTS(X) \
	X(NOTE, "note", "anything else") \
	X(IKE_UP, "ike_up", "an IKE SA is established") \
	X(IKE_DOWN, "ike_down", "it has ended") \
	X(CHILD_UP, "child_up", "a Child SA carries traffic") \
	X(CHILD_DOWN, "child_down", "it has ended") \
	X(IKE_REKEYED, "ike_rekey", "an IKE SA has taken another's place; the line is about the new one") \
	X(CHILD_REKEYED, "child_rekey", "a Child SA has, likewise") \
	X(FAILED, "failed", "a negotiation has failed")

enum ike_log_event {
#define X(id, word, text) IKE_LOG_##id,
	IKE_LOG_EVENTS(X)
#undef X
	IKE_LOG_EVENT_COUNT
};

const char *ike_reason_word(enum ike_reason reason); /* "" for NONE */
const char *ike_log_event_word(enum ike_log_event event);

#endif
