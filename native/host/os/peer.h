// Who is at the other end of a connection.
#pragma once

#include <sys/types.h>

namespace mocker {

struct PeerCredentials {
  uid_t uid;
  gid_t gid;
  pid_t pid;
};

/** Who connected the unix socket `fd`'s other end. @throws SysError */
PeerCredentials peerCredentials(int fd);

}  // namespace mocker
