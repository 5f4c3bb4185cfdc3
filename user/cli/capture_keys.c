/* SPDX-License-Identifier: Apache-2.0 */
#include "capture_keys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xswan/dp_proto.h>

#include "../lib/esp_alg.h"
#include "../lib/pinned.h"
#include "capture_file.h"

#define HEX_SIZE (2 * XSWAN_DP_KEY_MAX + 3)

/* ---- a line ---- */

/* As Wireshark calls them; NULL: it does not know it. The salt belongs to the key there, too. */
static const char *cipher_name(const struct esp_alg *alg)
{
	switch (alg->cipher) {
	case ESP_AES_GCM:
		return "AES-GCM with 16 octet ICV [RFC4106]";
	case ESP_AES_CBC:
		return "AES-CBC [RFC3602]";
	case ESP_AES_CTR:
		return "AES-CTR [RFC3686]";
	default:
		return NULL;
	}
}

static const char *integ_name(const struct esp_alg *alg)
{
	static const char *const names[] = {
		[ESP_INTEG_NONE] = "NULL",
		[ESP_HMAC_SHA2_256] = "HMAC-SHA-256-128 [RFC4868]",
		[ESP_HMAC_SHA2_384] = "HMAC-SHA-384-192 [RFC4868]",
		[ESP_HMAC_SHA2_512] = "HMAC-SHA-512-256 [RFC4868]",
	};

	return names[alg->integ];
}

/* "" for none */
static void put_hex(char out[static HEX_SIZE], const uint8_t *key, uint32_t len)
{
	static const char digit[] = "0123456789abcdef";
	char *at = out;

	if (len) {
		*at++ = '0';
		*at++ = 'x';
	}
	for (uint32_t i = 0; i < len; i++) {
		*at++ = digit[key[i] >> 4];
		*at++ = digit[key[i] & 15];
	}
	*at = '\0';
}

int capture_keys_line(char out[static CAPTURE_KEYS_LINE], const struct xswan_sa *sa, const struct xswan_dp_key *key)
{
	const struct esp_alg *alg = esp_alg(key->alg);
	const int family = sa->family == 4 ? AF_INET : AF_INET6;
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN], cipher[HEX_SIZE], integ[HEX_SIZE];
	uint32_t first;
	int len;

	if (!alg || !cipher_name(alg) || key->len != esp_alg_keymat_len(key->alg))
		return 0;
	first = alg->key_len + alg->salt_len;
	put_hex(cipher, key->key, first);
	put_hex(integ, key->key + first, alg->integ_key_len);
	len = snprintf(out, CAPTURE_KEYS_LINE, "\"%s\",\"%s\",\"%s\",\"0x%08x\",\"%s\",\"%s\",\"%s\",\"%s\"\n",
		       sa->family == 4 ? "IPv4" : "IPv6", inet_ntop(family, sa->src, src, sizeof(src)),
		       inet_ntop(family, sa->dst, dst, sizeof(dst)), ntohl(sa->spi), cipher_name(alg), cipher, integ_name(alg),
		       integ);
	explicit_bzero(cipher, sizeof(cipher));
	explicit_bzero(integ, sizeof(integ));
	return len;
}

/* ---- the file ---- */

static int open_map(struct capture_keys *k, const char *instance, int dir, const char *name)
{
	k->fd[dir] = pinned_open(instance, name, sizeof(uint32_t), sizeof(struct xswan_sa), NULL);
	if (k->fd[dir] < 0)
		return k->fd[dir];
	k->sas[dir] = pinned_mmap(k->fd[dir], false, &k->count[dir]);
	k->seen[dir] = calloc(k->count[dir], sizeof(*k->seen[dir]));
	return k->sas[dir] && k->seen[dir] ? 0 : -ENOMEM;
}

int capture_keys_open(struct capture_keys *k, const char *instance, const char *path)
{
	int err = open_map(k, instance, 0, "sa_in");

	err = err ? err : open_map(k, instance, 1, "sa_out");
	if (err)
		return err;
	k->file = capture_file_open(path);
	if (k->file < 0)
		return -errno;
	k->path = path;
	return 0;
}

void capture_keys_close(struct capture_keys *k)
{
	for (int dir = 0; dir < 2; dir++) {
		pinned_munmap((void *)k->sas[dir], k->fd[dir]);
		free(k->seen[dir]);
		if (k->fd[dir] >= 0)
			close(k->fd[dir]);
	}
	if (k->file >= 0)
		close(k->file);
}

/* As it is just now, perhaps half written: its uid is asked for, and the key is that of this uid or there is none. */
static int write_key(struct capture_keys *k, const struct capture_source *s, int dir, uint32_t slot,
		     const struct xswan_sa *sa)
{
	char line[CAPTURE_KEYS_LINE];
	struct xswan_dp_key key;
	int err = capture_source_key(s, dir ? XSWAN_DP_OUT : XSWAN_DP_IN, slot, sa->uid, &key), len;

	if (err)
		return err == -ENOENT ? 0 : err; /* it has ended since */
	len = capture_keys_line(line, sa, &key);
	if (!len)
		k->unknown++;
	else if (write(k->file, line, len) != len)
		err = errno ? -errno : -ENOSPC;
	else
		k->written++;
	explicit_bzero(&key, sizeof(key));
	explicit_bzero(line, sizeof(line));
	return err;
}

/* The controller takes LIVE away before it writes an entry, and gives it back last. What changes just now waits. */
static bool copy_whole(const struct xswan_sa *at, struct xswan_sa *sa)
{
	if (!(__atomic_load_n(&at->flags, __ATOMIC_ACQUIRE) & XSWAN_SA_LIVE))
		return false;
	*sa = *at;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return sa->flags & XSWAN_SA_LIVE && __atomic_load_n(&at->flags, __ATOMIC_RELAXED) == sa->flags &&
	       __atomic_load_n(&at->uid, __ATOMIC_RELAXED) == sa->uid;
}

static int look_at(struct capture_keys *k, const struct capture_source *s, int dir)
{
	int err = 0;

	for (uint32_t slot = 1; slot < k->count[dir] && !err; slot++) {
		struct xswan_sa sa;

		if (!copy_whole(&k->sas[dir][slot], &sa) || sa.uid == k->seen[dir][slot] || sa.tunnel >= XSWAN_TUNNELS ||
		    !s->shared->interface[sa.tunnel])
			continue;
		errno = 0;
		err = write_key(k, s, dir, slot, &sa);
		if (!err)
			k->seen[dir][slot] = sa.uid;
	}
	return err;
}

int capture_keys_look(struct capture_keys *k, const struct capture_source *s, FILE *err_out)
{
	const uint32_t unknown = k->unknown;
	int err;

	if (!k->path)
		return 0;
	err = look_at(k, s, 0);
	err = err ? err : look_at(k, s, 1);
	if (err)
		fprintf(err_out, "xswan: %s: %s\n", k->path, strerror(-err));
	if (!unknown && k->unknown)
		fprintf(err_out, "xswan: Wireshark cannot decrypt the algorithm of this tunnel: there is no key of it in %s\n", k->path);
	return err;
}
