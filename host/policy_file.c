/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Reads a policy whole: the guest takes no more than POLICY_BYTES_MAX either. */
#include "host/policy_file.h"

#include <fcntl.h>
#include <string.h>

#include "host/cleanup.h"
#include "host/crypto/sodium.h"

static int read_text(const char *path, char text[POLICY_BYTES_MAX + 1], size_t *ret,
		     struct err *err)
{
	AUTO_CLOSE int fd =
		strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	ssize_t n;

	if (fd < 0)
		return err_sys(err, "%s", path);
	for (*ret = 0; *ret <= POLICY_BYTES_MAX; *ret += (size_t)n) {
		n = read(fd, text + *ret, POLICY_BYTES_MAX + 1 - *ret);
		if (n < 0)
			return err_sys(err, "%s", path);
		if (n == 0)
			return 0;
	}
	return err_set(err, ST_RANGE, "%s: a policy has at most %d bytes", path, POLICY_BYTES_MAX);
}

int policy_file_read(const char *path, struct policy_file *ret, struct err *err)
{
	char text[POLICY_BYTES_MAX + 1];
	struct policy_error error;
	size_t len = 0;
	int status = read_text(path, text, &len, err);

	if (status)
		return status;
	if (policy_parse(text, len, &ret->policy, &error))
		return err_set(err, ST_SYNTAX, "%s:%u:%u: %s", path, error.line, error.column,
			       error.why);
	sodium_sha256(ret->hash, text, len);
	return 0;
}
