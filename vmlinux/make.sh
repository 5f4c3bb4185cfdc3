#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes vmlinux.h anew from the running kernel's BTF. Only for maintainers: the result is committed.
set -eu
cd "$(dirname "$0")"

bpftool=$(PATH=$PATH:/usr/sbin command -v bpftool)
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
{
	cat <<-EOF
	/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
	/* Written by vmlinux/make.sh from the BTF of Linux $(uname -r | cut -d- -f1): do not edit. */
	#ifndef __VMLINUX_H__
	#define __VMLINUX_H__

	EOF
	"$bpftool" btf dump file "${1:-/sys/kernel/btf/vmlinux}" format c >"$tmp"
	/usr/bin/python3 closure.py roots.txt <"$tmp"
	printf '\n#endif\n'
} >vmlinux.h.new
mv vmlinux.h.new vmlinux.h
