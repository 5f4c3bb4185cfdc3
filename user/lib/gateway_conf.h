/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xswan.conf: what the machine is, as opposed to swanctl.conf, which says whom it talks to.
 *
 *   interfaces {
 *       wan {
 *           device = eth0
 *           role = outside
 *       }
 *       lan {
 *           device = eth1
 *           role = inside
 *           backend = af_xdp # af_xdp; vnet: super-packets, for veth and virtio
 *           offloads = auto  # auto: what hides parts of frames from XDP is switched off; keep
 *       }
 *   }
 *   dataplane {
 *       attach = auto        # auto: native where the driver can, else generic; native; generic; external
 *       crypto = auto        # auto, ipsec-mb, openssl
 *       workers = auto       # auto: one per CPU and receive queue, whichever is fewer
 *       cpus = 2-5           # worker i on the i-th; without: on the NUMA node of the network cards
 *       frames = 16384       # UMEM frames of 4096 bytes, shared by all interfaces
 *       tunnel = xsw0        # the host's interface into the tunnels
 *       fragment = before    # sealing: before, after
 *       capture_keys = no    # may root have the keys of SAs, by xswan capture --esp-keys?
 *       tcp_mss = auto       # of SYNs that pass: auto, what fits; off; or no more than a number of bytes
 *   }
 *   ike {
 *       user = xswan         # whom xswan-ike becomes once its sockets are open; root: nobody else
 *       retransmit_tries = 5
 *       retransmit_timeout = 1s
 *       retransmit_base = 1.8    # each wait is so many times the one before
 *       retransmit_limit = 0     # and no longer than this; 0: no limit
 *       retransmit_jitter = 20   # up to so many percent off each wait
 *       reconnect_delay = 1s     # after a loss or a failure, then twice as long each time ...
 *       reconnect_limit = 60s    # ... up to this
 *       attempts = 512           # to connect at once
 *       attempts_per_peer = 64   # with one address
 *       resolve_interval = 60s   # between look-ups of host names
 *       keep_alive = 20s     # behind a NAT; 0: never
 *       fragment_size = 1280 # bytes of an IP datagram: longer IKE messages go in fragments
 *       path_mtu_floor = 576 # bytes: no router talks us into smaller IPv4 packets
 *       half_open_limit = 4096 # IKE SAs whose peer has not authenticated yet,
 *       cookie_threshold = 256 # and from how many on a cookie is demanded
 *       init_rate = 5000     # IKE_SA_INIT requests per second, 0: any number; from strangers,
 *       init_rate_prefix = 200 # from each /24 or IPv6 /48 of theirs,
 *       init_rate_peer = 50  # and from each address of a peer
 *   }
 *   log {
 *       level = info         # error, warning, info, debug
 *       format = text        # text, logfmt, json
 *       target = stderr      # stderr, syslog, journal
 *   }
 *
 * As in strongswan.conf, a value ends with its line: one key a line.
 */
#ifndef XSWAN_GATEWAY_CONF_H
#define XSWAN_GATEWAY_CONF_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xswan/maps.h>

#include "cpu_list.h"
#include "field.h"
#include "log.h"

#define GATEWAY_MSS_AUTO 65535u
#define GATEWAY_USER 33 /* a name of up to 32 characters */

enum attach_mode { ATTACH_AUTO, ATTACH_NATIVE, ATTACH_GENERIC, ATTACH_EXTERNAL };

struct gateway_port {
	char device[IFNAMSIZ];
	enum xswan_role role; /* OUTSIDE or INSIDE */
	bool vnet; /* backend = vnet */
	bool keep_offloads;
};

struct gateway_conf {
	struct gateway_port ports[XSWAN_PORTS];
	int port_count;
	enum attach_mode attach;
	char crypto[16]; /* "auto" or a back-end's name */
	uint32_t workers; /* 0: auto */
	struct cpu_list cpus; /* empty: not configured */
	uint32_t frames; /* power of two */
	char tunnel[IFNAMSIZ];
	bool fragment_after;
	bool capture_keys;
	uint16_t tcp_mss; /* 0: off; GATEWAY_MSS_AUTO */
	uint32_t retransmit_tries;
	uint64_t retransmit_timeout; /* microseconds */
	uint32_t retransmit_base; /* hundredths */
	uint64_t retransmit_limit; /* microseconds; 0: none */
	uint32_t retransmit_jitter; /* percent */
	uint64_t reconnect_delay, reconnect_limit; /* microseconds */
	uint32_t attempts, attempts_per_peer;
	uint64_t resolve_interval; /* microseconds */
	uint64_t keep_alive; /* microseconds; 0: none */
	uint32_t fragment_size; /* bytes */
	uint32_t path_mtu_floor;
	char user[GATEWAY_USER]; /* that xswan-ike runs as */
	bool user_named; /* it is not merely the default */
	uint32_t half_open_limit, cookie_threshold;
	uint32_t init_rate, init_rate_prefix, init_rate_peer; /* per second; 0: no limit */
	struct log_settings log;
};

/*
 * Reads DIR/xswan.conf. Returns 0, or -errno with "file:line: what is wrong" in why.
 * At least one outside interface is required.
 */
int gateway_conf_load(struct gateway_conf *conf, const char *dir, char *why, size_t why_size);

/* When a change of a key takes effect: with a reload, or a restart of one program or of both. */
enum gateway_effect { GATEWAY_RELOAD, GATEWAY_RESTART_IKE, GATEWAY_RESTART_DP, GATEWAY_RESTART };
extern const struct field gateway_conf_keys[];
const char *gateway_effect_word(int effect);
/* The values of all keys with that effect; not for lists. */
void gateway_conf_take(struct gateway_conf *conf, const struct gateway_conf *from, enum gateway_effect effect);

/* Makes the log as configured; debug: with every line. 0 or -errno, said in the log as it was. */
int gateway_conf_log(const struct gateway_conf *conf, const char *instance, bool debug);

#endif
