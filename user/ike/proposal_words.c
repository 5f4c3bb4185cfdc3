/* SPDX-License-Identifier: Apache-2.0 */
#include "proposal_words.h"

#include <fnmatch.h>
#include <string.h>

#define CIPHER_WORDS                                                                                              \
	"aes128gcm16, aes192gcm16, aes256gcm16, chacha20poly1305, aes128, aes192, aes256, aes128ctr, aes192ctr, " \
	"aes256ctr, sha256, sha384, sha512"
#define KE_WORDS "x25519, x448, ecp256, ecp384, ecp521, modp2048, modp3072, modp4096"
const char proposal_words_ike[] = CIPHER_WORDS ", prfsha256, prfsha384, prfsha512, " KE_WORDS;
const char proposal_words_esp[] = CIPHER_WORDS ", aes128gmac, aes192gmac, aes256gmac, " KE_WORDS ", modpnone, esn, noesn";

/* RFC 7296 section 3.3.2, with the IDs of RFC 4106, 7634, 4543, 3602, 3686, 5282, 4868, 3526, 5903 and 8031 */
static const struct proposal_word words[] = {
	{ "aes128gcm16", TRANSFORM_ENCR, 20, 128, IN_BOTH },
	{ "aes128gcm128", TRANSFORM_ENCR, 20, 128, IN_BOTH },
	{ "aes128gcm", TRANSFORM_ENCR, 20, 128, IN_BOTH },
	{ "aes192gcm16", TRANSFORM_ENCR, 20, 192, IN_BOTH },
	{ "aes192gcm128", TRANSFORM_ENCR, 20, 192, IN_BOTH },
	{ "aes192gcm", TRANSFORM_ENCR, 20, 192, IN_BOTH },
	{ "aes256gcm16", TRANSFORM_ENCR, 20, 256, IN_BOTH },
	{ "aes256gcm128", TRANSFORM_ENCR, 20, 256, IN_BOTH },
	{ "aes256gcm", TRANSFORM_ENCR, 20, 256, IN_BOTH },
	{ "chacha20poly1305", TRANSFORM_ENCR, 28, 0, IN_BOTH },
	{ "aes128gmac", TRANSFORM_ENCR, 21, 128, IN_ESP },
	{ "aes192gmac", TRANSFORM_ENCR, 21, 192, IN_ESP },
	{ "aes256gmac", TRANSFORM_ENCR, 21, 256, IN_ESP },
	{ "aes128", TRANSFORM_ENCR, 12, 128, IN_BOTH },
	{ "aes", TRANSFORM_ENCR, 12, 128, IN_BOTH },
	{ "aes192", TRANSFORM_ENCR, 12, 192, IN_BOTH },
	{ "aes256", TRANSFORM_ENCR, 12, 256, IN_BOTH },
	{ "aes128ctr", TRANSFORM_ENCR, 13, 128, IN_BOTH },
	{ "aes192ctr", TRANSFORM_ENCR, 13, 192, IN_BOTH },
	{ "aes256ctr", TRANSFORM_ENCR, 13, 256, IN_BOTH },
	{ "sha256", TRANSFORM_INTEG, 12, 0, IN_BOTH },
	{ "sha2_256", TRANSFORM_INTEG, 12, 0, IN_BOTH },
	{ "sha384", TRANSFORM_INTEG, 13, 0, IN_BOTH },
	{ "sha2_384", TRANSFORM_INTEG, 13, 0, IN_BOTH },
	{ "sha512", TRANSFORM_INTEG, 14, 0, IN_BOTH },
	{ "sha2_512", TRANSFORM_INTEG, 14, 0, IN_BOTH },
	{ "prfsha256", TRANSFORM_PRF, 5, 0, IN_IKE },
	{ "prfsha384", TRANSFORM_PRF, 6, 0, IN_IKE },
	{ "prfsha512", TRANSFORM_PRF, 7, 0, IN_IKE },
	{ "x25519", TRANSFORM_KE, 31, 0, IN_BOTH },
	{ "curve25519", TRANSFORM_KE, 31, 0, IN_BOTH },
	{ "x448", TRANSFORM_KE, 32, 0, IN_BOTH },
	{ "curve448", TRANSFORM_KE, 32, 0, IN_BOTH },
	{ "ecp256", TRANSFORM_KE, 19, 0, IN_BOTH },
	{ "ecp384", TRANSFORM_KE, 20, 0, IN_BOTH },
	{ "ecp521", TRANSFORM_KE, 21, 0, IN_BOTH },
	{ "modp2048", TRANSFORM_KE, 14, 0, IN_BOTH },
	{ "modp3072", TRANSFORM_KE, 15, 0, IN_BOTH },
	{ "modp4096", TRANSFORM_KE, 16, 0, IN_BOTH },
	{ "modpnone", TRANSFORM_KE, 0, 0, IN_ESP }, /* the Child SA may do without */
	{ "esn", TRANSFORM_ESN, 1, 0, IN_ESP },
	{ "noesn", TRANSFORM_ESN, 0, 0, IN_ESP },
};

/* What strongSwan would take and we never do (RFC 8247); patterns as of a shell. */
static const struct refused {
	const char *pattern, *why;
} refused_words[] = {
	{ "null", "it does not encrypt" },
	{ "des", "its keys of 56 bits are found in hours" },
	{ "3des", "blocks of 64 bits leak plaintext" },
	{ "blowfish*", "blocks of 64 bits leak plaintext" },
	{ "cast128", "blocks of 64 bits leak plaintext" },
	{ "aes*gcm8", "its tag of 64 bits is too short" },
	{ "aes*gcm64", "its tag of 64 bits is too short" },
	{ "aes*gcm12", "its tag of 96 bits is too short" },
	{ "aes*gcm96", "its tag of 96 bits is too short" },
	{ "md5*", "MD5 is broken" },
	{ "prfmd5", "MD5 is broken" },
	{ "sha", "SHA-1 is broken" },
	{ "sha1*", "SHA-1 is broken" },
	{ "prfsha1", "SHA-1 is broken" },
	{ "sha256_96", "it is a draft's, and others read it as sha256" },
	{ "sha2_256_96", "it is a draft's, and others read it as sha256" },
	{ "modp768", "a group this small can be broken" },
	{ "modp1024", "a group this small can be broken" },
	{ "modp1536", "a group this small can be broken" },
	{ "modp1024s160", "nobody knows how its prime was chosen" },
	{ "modp2048s2*", "nobody knows how its prime was chosen" },
	{ "ecp192", "a group this small can be broken" },
	{ "ecp224", "a group this small can be broken" },
};

#define WORDS (sizeof(words) / sizeof(words[0]))
#define REFUSED (sizeof(refused_words) / sizeof(refused_words[0]))

const struct proposal_word *proposal_word_find(const char *name)
{
	for (size_t i = 0; i < WORDS; i++)
		if (!strcmp(words[i].name, name))
			return &words[i];
	return NULL;
}

const char *proposal_word_refused(const char *name)
{
	for (size_t i = 0; i < REFUSED; i++)
		if (!fnmatch(refused_words[i].pattern, name, 0))
			return refused_words[i].why;
	return NULL;
}

const char *proposal_word_cipher(uint16_t id, uint16_t key_bits)
{
	for (size_t i = 0; i < WORDS; i++)
		if (words[i].type == TRANSFORM_ENCR && words[i].id == id && words[i].key_bits == key_bits)
			return words[i].name;
	return NULL;
}
