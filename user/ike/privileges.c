/* SPDX-License-Identifier: Apache-2.0 */
#include "privileges.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cap-ng.h>

#include "../lib/log.h"

int privileges_protect_memory(void)
{
	const struct rlimit none = { 0, 0 }, unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	if (prctl(PR_SET_DUMPABLE, 0) || setrlimit(RLIMIT_CORE, &none))
		return -errno;
	/* locked memory is needed after the capability that would waive the limit is gone */
	if (setrlimit(RLIMIT_MEMLOCK, &unlimited))
		log_debug("the limit on locked memory stays as it is: %s", strerror(errno));
	else if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		log_debug("memory is not locked as a whole: %s", strerror(errno));
	return 0;
}

int privileges_drop(void)
{
	capng_clear(CAPNG_SELECT_ALL);
	/* the bounding set cannot be changed without CAP_SETPCAP: then there is little to lose */
	if (capng_apply(CAPNG_SELECT_BOTH) && capng_apply(CAPNG_SELECT_CAPS))
		return -EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE ? 0 : -EPERM;
}
