// Users and groups of the image, by Docker's rules (moby/sys/user GetExecUser). No NSS: the binary is static.
#pragma once

#include <sys/types.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace mocker {

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  std::string home = "/";
};

/** `unable to find user …: no matching entries in passwd file`. */
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/**
 * Resolves `user[:group]`, names or numbers; empty is root. Ids need no entry; names do. Supplementary groups
 * are those of /etc/group that list the user, unless a group is given. `passwd` and `group` are the files'
 * texts. Throws UserError.
 */
Identity resolveUser(const std::string& spec, const std::string& passwd, const std::string& group);

/** The same with /etc/passwd and /etc/group of the current root. */
Identity resolveUser(const std::string& spec);

/**
 * Makes `names`, which may be numbers, further groups of `identity`, beside its own, which Docker counts
 * among them, too. Throws UserError.
 */
void joinGroups(Identity& identity, const std::vector<std::string>& names, const std::string& group);

/** The same with the root file system's file. */
void joinGroups(Identity& identity, const std::vector<std::string>& names);

}  // namespace mocker
